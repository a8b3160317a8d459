//! The agent of launchd, as text: for `service install`, and for packages (`packaging/launchd`). It was never run.

use super::Site;
use crate::os::LAUNCHD_SOCKET;

/// The agent's property list.
pub fn agent_text(site: &Site) -> String {
    let variables: String = site
        .variables
        .iter()
        .map(|(name, value)| {
            format!("    <key>{}</key>\n    <string>{}</string>\n", escaped(name), escaped(value))
        })
        .collect();
    let environment = if variables.is_empty() {
        String::new()
    } else {
        format!("  <key>EnvironmentVariables</key>\n  <dict>\n{variables}  </dict>\n")
    };
    format!(
        "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">
<!-- Written by `snowgate service install`. -->
<plist version=\"1.0\">
<dict>
  <key>Label</key>
  <string>{label}</string>
  <key>ProgramArguments</key>
  <array>
    <string>{program}</string>
    <string>serve</string>
    <string>--replace</string>
  </array>
{environment}  <key>Sockets</key>
  <dict>
    <key>{LAUNCHD_SOCKET}</key>
    <dict>
      <key>SockPathName</key>
      <string>{socket}</string>
      <!-- 0600: its user's alone -->
      <key>SockPathMode</key>
      <integer>384</integer>
    </dict>
  </dict>
  <key>KeepAlive</key>
  <dict>
    <key>Crashed</key>
    <true/>
  </dict>
  <key>ProcessType</key>
  <string>Interactive</string>
  <key>Umask</key>
  <integer>63</integer>
  <key>ExitTimeOut</key>
  <integer>45</integer>
  <key>StandardErrorPath</key>
  <string>{log}/launchd.stderr</string>
</dict>
</plist>
",
        label = escaped(&site.service_unit()),
        program = escaped(&site.program),
        socket = escaped(&site.socket),
        log = escaped(&site.log_dir.display().to_string()),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::ServiceManager;

    #[test]
    fn the_agent_of_packages_is_the_one_that_install_writes() {
        let site = Site::packaged(ServiceManager::Launchd);
        assert_eq!(agent_text(&site), include_str!("../../../packaging/launchd/io.github.snowgate.plist"));
    }

    #[test]
    fn variables_and_paths_are_written_as_xml() {
        let mut site = Site::packaged(ServiceManager::Launchd);
        site.variables = vec![("SNOWGATE_HOME".to_owned(), "/srv/a&b".to_owned())];
        let text = agent_text(&site);
        assert!(text.contains("<string>/srv/a&amp;b</string>"), "{text}");
    }
}

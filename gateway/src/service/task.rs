//! The task of Windows' Task Scheduler, as text, and what is run by it. Pure; it was never run by a Task Scheduler.
//!
//! What the task runs is the shim, which has no console window and is what starts gateways for clients, too: the gateway is clear
//! of the task, as it is of a client. So the Task Scheduler sees a start that has ended, and neither ends the gateway nor
//! sees its end. The next client starts it again; where clients come over HTTP, which nothing else starts a gateway for, the
//! start is repeated, and does nothing while one runs.
//! Source: learn.microsoft.com/windows/win32/taskschd/task-scheduler-schema, and what `schtasks /Query /XML` prints.

use super::Site;

/// The program of the shim that starts another program apart from its caller.
const LAUNCH: &str = "__launch";

/// How often the start is repeated where clients come over HTTP.
const REPEAT_INTERVAL: &str = "PT1M";

/// How often a start that fails is tried again, and how many times.
const RETRY_INTERVAL: &str = "PT1M";
const RETRIES_MAX: u32 = 10;

/// How long the start may take. The gateway itself has no limit.
const START_LIMIT: &str = "PT5M";

/// The priority class of the start and so of the gateway: what a program has that a person starts. A task has less unless it says so.
const PRIORITY: u32 = 5;

/// The value of the key `Run` where there is no Task Scheduler.
pub const RUN_KEY: &str = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run";

/// The words that start the gateway of `site`: the program, which has no window, and its arguments. `replaces`: it takes the place of one
/// that runs.
pub(super) fn start_words(site: &Site, replaces: bool) -> Vec<String> {
    let mut words: Vec<String> =
        [&site.shim, LAUNCH, &site.program, "service", "start"].map(|word: &str| word.to_owned()).into();
    for (name, value) in &site.variables {
        words.extend(["--set".to_owned(), format!("{name}={value}")]);
    }
    words.extend(replaces.then(|| "--replace".to_owned()));
    words
}

/// `words` as one command line that programs of Windows take apart as they were. Source: the rules of `CommandLineToArgvW`.
pub(super) fn command_line(words: &[String]) -> String {
    let quoted = |word: &String| {
        if !word.is_empty() && !word.contains([' ', '\t', '"']) {
            return word.clone();
        }
        let mut text = String::from("\"");
        let mut backslashes = 0;
        for char in word.chars() {
            // Backslashes mean themselves, unless a quotation mark follows.
            let doubled = if char == '"' { backslashes + 1 } else { 0 };
            text.extend(std::iter::repeat_n('\\', doubled));
            text.push(char);
            backslashes = if char == '\\' { backslashes + 1 } else { 0 };
        }
        text.extend(std::iter::repeat_n('\\', backslashes));
        text.push('"');
        text
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// The task's definition. `repeats`: whether the start is repeated.
pub fn task_text(site: &Site, repeats: bool) -> String {
    let words = start_words(site, false);
    let (command, arguments) = (&words[0], command_line(&words[1..]));
    let repetition = if repeats {
        format!(
            "
      <Repetition>
        <Interval>{REPEAT_INTERVAL}</Interval>
        <StopAtDurationEnd>false</StopAtDurationEnd>
      </Repetition>"
        )
    } else {
        String::new()
    };
    format!(
        "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<!-- Written by `snowgate service install`. -->
<Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">
  <RegistrationInfo>
    <Description>Starts the Snowgate gateway of this user at log-on.</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>{repetition}
      <Enabled>true</Enabled>
      <UserId>{user}</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id=\"Author\">
      <UserId>{user}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <AllowHardTerminate>true</AllowHardTerminate>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <AllowStartOnDemand>true</AllowStartOnDemand>
    <Enabled>true</Enabled>
    <Hidden>true</Hidden>
    <RunOnlyIfIdle>false</RunOnlyIfIdle>
    <WakeToRun>false</WakeToRun>
    <ExecutionTimeLimit>{START_LIMIT}</ExecutionTimeLimit>
    <Priority>{PRIORITY}</Priority>
    <RestartOnFailure>
      <Interval>{RETRY_INTERVAL}</Interval>
      <Count>{RETRIES_MAX}</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context=\"Author\">
    <Exec>
      <Command>{command}</Command>
      <Arguments>{arguments}</Arguments>
    </Exec>
  </Actions>
</Task>
",
        user = escaped(&site.user),
        command = escaped(command),
        arguments = escaped(&arguments),
    )
}

/// `text` as the Task Scheduler writes its own files: UTF-16, with the mark that says so, and lines that end as Windows' do.
pub(super) fn encoded(text: &str) -> Vec<u8> {
    let lines = text.replacen("UTF-8", "UTF-16", 1).replace('\n', "\r\n");
    std::iter::once(0xfeff).chain(lines.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::ServiceManager;

    fn site(variables: &[(&str, &str)]) -> Site {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Site { variables: variables.collect(), ..Site::packaged(ServiceManager::TaskScheduler) }
    }

    #[test]
    fn the_task_starts_the_shim_at_this_users_log_on_without_a_window_and_without_a_limit() {
        let text = task_text(&site(&[]), false);
        assert!(text.contains("<Command>C:\\Program Files\\Snowgate\\snowgate-shim.exe</Command>"), "{text}");
        let arguments =
            "<Arguments>__launch \"C:\\Program Files\\Snowgate\\snowgate.exe\" service start</Arguments>";
        assert!(text.contains(arguments), "{text}");
        assert_eq!(text.matches("<UserId>S-1-5-21-1-2-3-1001</UserId>").count(), 2, "{text}");
        assert!(
            !text.contains("Repetition") && task_text(&site(&[]), true).contains("<Interval>PT1M</Interval>")
        );
        assert!(encoded(&text).starts_with(b"\xff\xfe<\0?\0x\0m\0l\0"));
        assert_eq!(encoded("é\n"), b"\xff\xfe\xe9\0\r\0\n\0");
    }

    #[test]
    fn variables_become_arguments_and_what_xml_reads_otherwise_is_escaped() {
        let text =
            task_text(&site(&[("SNOWGATE_HOME", "D:\\R & D\\ä"), ("SNOWGATE_CONFIG", "D:\\c.toml")]), false);
        let arguments = "service start --set \"SNOWGATE_HOME=D:\\R &amp; D\\ä\" --set SNOWGATE_CONFIG=D:\\c.toml</Arguments>";
        assert!(text.contains(arguments), "{text}");
    }

    #[test]
    fn words_are_put_together_as_windows_takes_them_apart() {
        for (word, expected) in [
            ("plain", "plain"),
            ("", "\"\""),
            ("a b", "\"a b\""),
            ("C:\\a b\\", "\"C:\\a b\\\\\""),
            ("C:\\a\\", "C:\\a\\"),
            ("say \"x\\\"", "\"say \\\"x\\\\\\\"\""),
        ] {
            assert_eq!(command_line(&[word.to_owned()]), expected, "{word}");
        }
        assert_eq!(command_line(&["a".into(), "b c".into()]), "a \"b c\"");
    }

    #[test]
    fn the_task_of_packages_is_the_one_that_install_writes() {
        let text = task_text(&site(&[]), false);
        assert_eq!(text, include_str!("../../../packaging/windows/snowgate.task.xml"));
    }
}

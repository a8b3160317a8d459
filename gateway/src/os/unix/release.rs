//! Which release of the system this is, for a bug report.

use std::path::Path;

use crate::os::{Release, read_whole};

/// The largest of such files, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 10;

/// That of this system, as far as it says.
pub fn release() -> Release {
    let text = |path: &str| String::from_utf8(read_whole(Path::new(path), FILE_BYTES_MAX).ok()?).ok();
    let name = text("/etc/os-release")
        .and_then(|text| text.lines().find_map(|line| Some(line.strip_prefix("PRETTY_NAME=")?.to_owned())))
        .or_else(|| product_version(&text("/System/Library/CoreServices/SystemVersion.plist")?));
    let kernel = text("/proc/sys/kernel/osrelease").map(|kernel| kernel.trim().to_owned());
    Release { name: name.map(|name| name.trim_matches('"').to_owned()), kernel }
}

/// The version of macOS in its property list.
fn product_version(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("<key>ProductVersion</key>")?;
    let (version, _) = rest.split_once("<string>")?.1.split_once("</string>")?;
    Some(format!("macOS {version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_macos_is_read() {
        let text = "<dict><key>ProductName</key><string>macOS</string>\n<key>ProductVersion</key>\n\t<string>15.1</string>";
        assert_eq!(product_version(text).as_deref(), Some("macOS 15.1"));
        assert_eq!(product_version(""), None);
    }
}

//! Who this client says it is.

/// What a server is told about the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The application's name, shown in the account's log-in history.
    pub application: String,
    /// Its version.
    pub version: String,
    /// The driver family to log in as (`CLIENT_APP_ID`). `None`, the default, sends none: the server then
    /// answers in JSON and applies no driver's minimum version. A client that names a family gets what that
    /// family's own parameter sets (`GO_QUERY_RESULT_FORMAT` and the like), which is Arrow unless the
    /// parameter asks for JSON.
    pub driver: Option<String>,
}

impl Identity {
    /// An application without a driver family.
    pub fn new(application: impl Into<String>, version: impl Into<String>) -> Self {
        Self { application: application.into(), version: version.into(), driver: None }
    }

    /// The `User-Agent` header.
    pub(crate) fn user_agent(&self) -> String {
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        format!("{}/{} ({os}-{arch})", self.application, self.version)
    }
}

//! MCP's two eras: how a client of each dresses what it says, and what marks the answers.

use serde_json::{Value, json};

use crate::harness::{request_line, stateless_as};

const HANDSHAKE_REVISION: &str = "2025-11-25";
const STATELESS_REVISION: &str = "2026-07-28";

/// Which era a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Era {
    /// Opens with `initialize`.
    Handshake,
    /// States itself with every request.
    Stateless,
}

impl Era {
    /// The era of the client with this number: one half each.
    pub(super) fn of(client: u64) -> Self {
        if client.is_multiple_of(2) { Self::Handshake } else { Self::Stateless }
    }

    /// The id of the request with this number: both kinds that JSON-RPC has.
    pub(super) fn id(self, number: u64) -> Value {
        match self {
            Self::Handshake => json!(number),
            Self::Stateless => json!(format!("request-{number}")),
        }
    }

    /// The number of the request with this id.
    pub(super) fn number(self, id: &Value) -> Option<u64> {
        match self {
            Self::Handshake => id.as_u64(),
            Self::Stateless => id.as_str()?.strip_prefix("request-")?.parse().ok(),
        }
    }

    /// The line with which the client of this name calls a tool, or opens where it calls none.
    pub(super) fn request(self, client: &str, number: u64, call: Option<(&'static str, Value)>) -> String {
        let (method, params) = match call {
            Some((tool, arguments)) => ("tools/call", json!({"name": tool, "arguments": arguments})),
            None => self.opening(client),
        };
        let params = if self == Self::Stateless { stateless_as(client, params) } else { params };
        request_line(&self.id(number), method, &params)
    }

    fn opening(self, client: &str) -> (&'static str, Value) {
        let info = json!({"name": client, "version": "1.0"});
        match self {
            Self::Handshake => (
                "initialize",
                json!({"protocolVersion": HANDSHAKE_REVISION, "capabilities": {}, "clientInfo": info}),
            ),
            Self::Stateless => ("server/discover", json!({})),
        }
    }

    /// The line after the answer to the opening, where the era has one.
    pub(super) fn opened(self) -> Option<String> {
        let line = json!({"jsonrpc": "2.0", "method": "notifications/initialized", "params": {}});
        (self == Self::Handshake).then(|| format!("{line}\n"))
    }

    /// The line that cancels the request with this number.
    pub(super) fn cancel(self, number: u64) -> String {
        let params = json!({"requestId": self.id(number)});
        format!("{}\n", json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}))
    }

    /// Whether `result` is the right answer to the opening.
    pub(super) fn is_opened_by(self, result: &Value) -> bool {
        match self {
            Self::Handshake => result["protocolVersion"] == HANDSHAKE_REVISION,
            Self::Stateless => result["supportedVersions"]
                .as_array()
                .is_some_and(|versions| versions.contains(&json!(STATELESS_REVISION))),
        }
    }

    /// Whether `result` carries the mark of this era and not that of the other.
    pub(super) fn marks(self, result: &Value) -> bool {
        match self {
            Self::Handshake => result.get("resultType").is_none(),
            Self::Stateless => result["resultType"] == "complete",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_can_be_read_back() {
        for era in [Era::Handshake, Era::Stateless] {
            assert_eq!(era.number(&era.id(7)), Some(7));
            assert_eq!(era.number(&json!(null)), None);
        }
        assert_eq!(Era::Handshake.number(&Era::Stateless.id(7)), None);
    }

    #[test]
    fn each_era_knows_its_own_results() {
        assert!(Era::Handshake.marks(&json!({})) && !Era::Stateless.marks(&json!({})));
        let marked = json!({"resultType": "complete"});
        assert!(!Era::Handshake.marks(&marked) && Era::Stateless.marks(&marked));
    }
}

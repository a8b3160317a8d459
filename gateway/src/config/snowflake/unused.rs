//! Keys of Snowflake's own tools that are known and have no effect here, and why.
//!
//! Sources: `DEFAULT_CONFIGURATION` of snowflake-connector-python, `HandleSingleParam` of gosnowflake, and
//! `snow_connector.py` of snowflake-cli.

use super::fields::normalized;

const TIMEOUT: &str =
    "the gateway has time-outs of its own; a statement's is `statement_timeout_ms` under [limits]";
const ALIVE: &str = "the gateway keeps its sessions alive itself";
const CERTIFICATES: &str = "certificates are always checked, as this system does it";
const REMEMBER: &str = "`token_cache` under [snowflake] decides whether a log-in is remembered";
const NAMED: &str = "the gateway logs in under its own name";
const OTHER: &str = "it concerns the program of another tool";
const METHOD: &str = "it belongs to a log-in method, which the gateway does not need it for";
const SESSION: &str = "the gateway opens sessions of its own";

const PKCE: &str = "codes are always redeemed with a proof (PKCE)";
const CLOUD: &str =
    "no cloud's metadata service is asked; the token comes from `token_file_path` or `token_command`";

/// Keys by what they are about.
const UNUSED: &[(&str, &[&str])] = &[
    (
        TIMEOUT,
        &[
            "login_timeout",
            "network_timeout",
            "socket_timeout",
            "request_timeout",
            "client_timeout",
            "connection_timeout",
            "retry_timeout",
            "query_timeout",
            "jwt_client_timeout",
            "jwt_timeout",
            "external_browser_timeout",
            "browser_response_timeout",
            "platform_detection_timeout_seconds",
            "max_retry_count",
            "max_http_retries",
            "backoff_policy",
        ],
    ),
    (
        ALIVE,
        &[
            "client_session_keep_alive",
            "client_session_keep_alive_heartbeat_frequency",
            "server_session_keep_alive",
            "using_session_keep_alive",
            "disable_request_pooling",
        ],
    ),
    (
        CERTIFICATES,
        &[
            "insecure_mode",
            "disable_ocsp_checks",
            "ocsp_fail_open",
            "ocsp_response_cache_filename",
            "ocsp_root_certs_dict_lock_timeout",
            "use_openssl_only",
            "cert_revocation_check_mode",
            "allow_certificates_without_crl_url",
            "crl_connection_timeout_ms",
            "crl_read_timeout_ms",
            "crl_cache_validity_hours",
            "enable_crl_cache",
            "enable_crl_file_cache",
            "crl_cache_dir",
            "crl_cache_removal_delay_days",
            "crl_cache_cleanup_interval_hours",
            "crl_cache_start_cleanup",
            "crl_download_max_size",
            "disable_saml_url_check",
        ],
    ),
    (REMEMBER, &["client_request_mfa_token", "client_store_temporary_credential", "consent_cache_id_token"]),
    (
        NAMED,
        &[
            "application",
            "application_name",
            "internal_application_name",
            "internal_application_version",
            "service_name",
            "external_session_id",
        ],
    ),
    (
        METHOD,
        &["oauth_security_features", "workload_identity_aws_use_outbound_token", "workload_identity_host"],
    ),
    (PKCE, &["oauth_disable_pkce", "oauth_socket_uri"]),
    (CLOUD, &["workload_identity_entra_resource", "workload_identity_impersonation_path"]),
    (SESSION, &["session_id", "session_token", "master_token", "master_validity_in_seconds"]),
    (
        OTHER,
        &[
            "dsn",
            "driver",
            "paramstyle",
            "numpy",
            "converter_class",
            "support_negative_year",
            "arrow_number_to_decimal",
            "check_arrow_conversion_error_on_every_column",
            "debug_arrow_chunk",
            "json_result_force_utf8_decoding",
            "reuse_results",
            "interpolate_empty_sequences",
            "client_prefetch_threads",
            "client_fetch_threads",
            "client_fetch_use_mp",
            "iobound_tpe_limit",
            "validate_default_parameters",
            "probe_connection",
            "disable_query_context_cache",
            "include_retry_reason",
            "enable_retry_reason_in_query_response",
            "enable_stage_s3_privatelink_for_us_east_1",
            "unsafe_file_write",
            "unsafe_skip_file_permissions_check",
            "reraise_error_in_file_transfer_work_function",
            "inject_client_pause",
            "log_max_query_length",
            "log_imported_packages_in_telemetry",
            "log_query_text",
            "log_query_parameters",
            "tracing",
            "tmp_dir_path",
            "client_config_file",
            "disable_console_login",
            "enable_connection_diag",
            "connection_diag_log_path",
            "connection_diag_allowlist_path",
            "connection_diag_whitelist_path",
            "connection_diagnostics_enabled",
            "connection_diagnostics_allowlist_file",
            "enable_diag",
            "diag_log_path",
            "diag_allowlist_path",
            "log_level",
            "log_path",
        ],
    ),
];

/// Why the key has no effect; `None`: it is not known. `name` is normalized.
pub(super) fn reason(name: &str) -> Option<&'static str> {
    let is_known = |known: &&str| normalized(known) == name;
    UNUSED.iter().find(|(_, names)| names.iter().any(is_known)).map(|(why, _)| *why)
}

//! Profiles: what a session gets from the one it is opened with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fair_queue::Terms;
use sql_gate::{Class, ClassSet, Dialect, NameRules, PatternError};

use crate::backend::{Context, CostBounds, Wall};
use crate::config::{
    ClientLimits, Config, CostConfig, FairBy, IsolationLevel, LEASE_IDLE, NameLists, OfferedQuestion,
    PIN_IDLE, Permissions, ProfileConfig, RoleConfig, TOOLS, UnknownProfile, ValidatorConfig,
};
use crate::keys::KeyIdentity;
use crate::state::Digest;

/// A profile, as its sessions use it. Immutable: a change of the configuration counts from the next start on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Its name in the configuration.
    pub name: String,
    /// The name of the connection its sessions use, as the registry of backends knows it.
    pub connection: String,
    /// Whether its connection's backend has semantic views: Snowflake does.
    pub has_semantic_views: bool,
    /// Whether statements that may change something are refused there.
    pub read_only: bool,
    /// The context its sessions start in, as written: the backend completes it.
    pub context: Context,
    /// How much of a connection a session has to itself.
    pub isolation: IsolationLevel,
    /// The classes of statements that it allows.
    pub statements: ClassSet,
    /// Whether the configuration lists them for it, or a role takes some.
    pub has_own_statements: bool,
    /// Which names may be used.
    pub names: Arc<NameRules>,
    /// The tools that its sessions are offered; `None`: all.
    pub tools: Option<Vec<String>>,
    /// Whether no client is told of the page for results.
    pub hides_app: bool,
    /// The saved questions that they are offered, as its connection takes them: tools of their own.
    pub questions: Arc<[OfferedQuestion]>,
    /// The folder that results may be exported into; `None`: none.
    pub export_folder: Option<PathBuf>,
    /// The roles that bound it: its own, and that of its sessions' API key. What they take is taken already.
    pub roles: Vec<BoundingRole>,
    /// What one result may hold, and how long a statement may run.
    pub caps: ProfileCaps,
    /// What its flows may take of the connections.
    pub share: Terms,
    /// Whose sessions are one flow.
    pub fair_by: FairBy,
    /// What one client may use over time.
    pub limits: Arc<ClientLimits>,
    /// What a statement may cost.
    pub cost: CostConfig,
    /// How long a session's last connection stays its favourite.
    pub lease_idle: Duration,
    /// How long a connection that a session holds for its state may be unused.
    pub pin_idle: Duration,
    /// Whether the log-in must be an agent's session.
    pub require_agent_session: bool,
    /// The session scope that the log-in must have.
    pub require_scope: Option<String>,
    /// Who is asked about each statement.
    pub validator: Option<ValidatorConfig>,
    /// Of what protects data: the beginning of a SHA-256. A result that was made under another one is not shown any more.
    pub policy: String,
}

/// The tool without which no transaction can be ended.
const STATEMENTS_TOOL: &str = "execute_query";

/// The tool that needs a folder.
const EXPORT_TOOL: &str = "export_result";

/// A role that bounds a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundingRole {
    /// Its name.
    pub name: String,
    /// What it permits.
    pub permissions: Permissions,
    /// Whether it is the API key's; else the profile names it.
    pub is_key_s: bool,
}

/// What one request of a session may take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileCaps {
    /// Rows of one result.
    pub rows_max: u64,
    /// Bytes of one result.
    pub bytes_max: u64,
    /// Bytes of one result whose rows a program asks for over HTTP.
    pub row_bytes_max: u64,
    /// Rows counted past a cut result.
    pub count_rows_max: u64,
    /// Run time of one statement.
    pub statement_timeout: Duration,
    /// After what time a call is answered although its statement still runs; zero: never.
    pub answer_within: Duration,
    /// Requests of one session that run at once.
    pub requests_max: usize,
    /// Bytes of one file that is exported.
    pub export_bytes_max: u64,
}

impl ProfileCaps {
    /// Those of `settings`, none of them above those of `config`.
    fn of(config: &Config, settings: &ProfileConfig) -> Self {
        let (limits, gateway) = (&config.limits, &config.gateway);
        fn at_most<T: Ord>(value: Option<T>, bound: T) -> T {
            match value {
                Some(value) => value.min(bound),
                None => bound,
            }
        }
        Self {
            rows_max: at_most(settings.rows_max, limits.rows_max),
            bytes_max: at_most(settings.bytes_max, limits.bytes_max),
            row_bytes_max: at_most(settings.bytes_max, limits.row_bytes_max),
            count_rows_max: limits.count_rows_max,
            statement_timeout: at_most(settings.statement_timeout, limits.statement_timeout),
            answer_within: settings.answer_within.unwrap_or(limits.answer_within),
            requests_max: at_most(settings.requests_max, gateway.session_requests_max),
            export_bytes_max: limits.export_bytes_max,
        }
    }
}

impl Profile {
    /// Whether its sessions are offered the tool of this name.
    pub fn offers(&self, tool: &str) -> bool {
        let is_listed = self.tools.as_ref().is_none_or(|tools| tools.iter().any(|offered| offered == tool));
        is_listed && !self.lacks_folder_for(tool)
    }

    /// Whether the tool of this name writes files, and there is no folder for them.
    pub fn lacks_folder_for(&self, tool: &str) -> bool {
        tool == EXPORT_TOOL && self.export_folder.is_none()
    }

    /// The saved question of this name, if its sessions are offered that.
    pub fn question(&self, name: &str) -> Option<&OfferedQuestion> {
        self.questions.iter().find(|offered| offered.question.name == name)
    }

    /// Whether its sessions see other tools than those of `before`.
    pub fn offers_others_than(&self, before: &Self) -> bool {
        self.tools != before.tools
            || self.questions != before.questions
            || self.may_change() != before.may_change()
            || self.export_folder.is_some() != before.export_folder.is_some()
    }

    /// Whether it lacks what `before` had and a session needs to go on with what its connection holds, or to end that: a class
    /// of statements, the tool for statements, a connection of its own.
    pub fn takes_from(&self, before: &Self) -> bool {
        before.statements.intersection(self.statements) != before.statements
            || (before.offers(STATEMENTS_TOOL) && !self.offers(STATEMENTS_TOOL))
            || (self.isolation == IsolationLevel::Relaxed && before.isolation != IsolationLevel::Relaxed)
    }

    /// Whether it allows statements that may change something.
    pub fn may_change(&self) -> bool {
        self.statements.iter().any(Class::may_change)
    }

    /// The same, bounded by the role called `name`. Its limits count for each client of the profile; those of a key's role
    /// for the key with all its clients, which is elsewhere.
    fn bounded(self, name: &str, role: &RoleConfig, is_key_s: bool) -> Self {
        let statements = self.statements.intersection(role.permissions.classes());
        let offered = |tool: &&&str| self.offers(tool) && role.permissions.permit_tool(tool);
        let tools = TOOLS.iter().filter(offered).map(|tool| (*tool).to_owned());
        let may_ask = |offered: &&OfferedQuestion| role.permissions.permit_tool(&offered.question.name);
        let questions: Arc<[OfferedQuestion]> = self.questions.iter().filter(may_ask).cloned().collect();
        let tools = tools.chain(questions.iter().map(|offered| offered.question.name.clone())).collect();
        let mut roles = self.roles.clone();
        roles.push(BoundingRole { name: name.to_owned(), permissions: role.permissions, is_key_s });
        let limits = if is_key_s {
            Arc::clone(&self.limits)
        } else {
            Arc::new(ClientLimits::clone(&self.limits).with_role(name, &role.limits))
        };
        let policy = digest(&format!("{} {name} {:?}", self.policy, role.permissions));
        Self {
            policy,
            has_own_statements: self.has_own_statements || statements != self.statements,
            statements,
            tools: Some(tools),
            questions,
            roles,
            limits,
            ..self
        }
    }

    /// The role that does not permit the tool of this name.
    pub fn role_against_tool(&self, tool: &str) -> Option<&BoundingRole> {
        self.roles.iter().find(|role| !role.permissions.permit_tool(tool))
    }

    /// The role that does not permit statements of `class`.
    pub fn role_against_class(&self, class: Class) -> Option<&BoundingRole> {
        self.roles.iter().find(|role| !role.permissions.classes().contains(class))
    }

    /// One that is not in the configuration any more: nothing runs with it, and its name is kept.
    pub fn gone(config: &Config, name: &str) -> Self {
        let nothing = ProfileConfig { statements: Some(ClassSet::default()), ..ProfileConfig::default() };
        Self::of(config, name, &nothing)
    }
}

/// All profiles of the configuration.
#[derive(Debug, Default)]
pub struct Profiles {
    by_name: BTreeMap<String, Arc<Profile>>,
    /// Bounded by the roles of API keys, by the names of profile and role: made once.
    by_role: Mutex<BTreeMap<(String, String), Arc<Profile>>>,
}

impl Profiles {
    /// The profiles of `config`.
    pub fn of(config: &Config) -> Self {
        let profile = |(name, settings): (&String, &ProfileConfig)| {
            (name.clone(), Arc::new(Profile::of(config, name, settings)))
        };
        Self { by_name: config.profiles.iter().map(profile).collect(), by_role: Mutex::default() }
    }

    /// The profiles of `config`, whose connections are called otherwise: by their names in the configuration, what they
    /// are called in the registry.
    pub fn on(config: &Config, connections: &BTreeMap<String, String>) -> Self {
        let profile = |(name, settings): (&String, &ProfileConfig)| {
            let mut profile = Profile::of(config, name, settings);
            if let Some(called) = connections.get(&profile.connection) {
                profile.connection.clone_from(called);
            }
            (name.clone(), Arc::new(profile))
        };
        Self { by_name: config.profiles.iter().map(profile).collect(), by_role: Mutex::default() }
    }

    /// The profile of this name, one of those of `config`.
    ///
    /// # Errors
    /// There is none; the error names the nearest.
    pub fn find(&self, config: &Config, name: &str) -> Result<Arc<Profile>, UnknownProfile> {
        let settings = config.profile(name)?;
        let made = || Arc::new(Profile::of(config, name, settings));
        Ok(self.by_name.get(name).map_or_else(made, Arc::clone))
    }

    /// `profile` as the role of an API key bounds it, one of those of `config`. A role that there is not permits nothing.
    pub fn for_key(&self, config: &Config, profile: Arc<Profile>, key: Option<&KeyIdentity>) -> Arc<Profile> {
        let Some(role) = key.and_then(|key| key.role.as_deref()) else { return profile };
        let bounded = || {
            let settings = config.roles.get(role).cloned().unwrap_or_default();
            Arc::new(Profile::clone(&profile).bounded(role, &settings, true))
        };
        // One that is gone has whatever name a session had.
        if !self.by_name.contains_key(&profile.name) || profile.statements.iter().next().is_none() {
            return bounded();
        }
        let mut by_role = self.by_role.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(by_role.entry((profile.name.clone(), role.to_owned())).or_insert_with(bounded))
    }
}

/// The lists of a profile, read as its connection writes names.
fn name_rules(config: &Config, connection: &str, lists: &NameLists) -> Result<NameRules, PatternError> {
    let lists: [(&'static str, &[String]); 6] = [
        ("allowed_databases", &lists.allowed_databases),
        ("denied_databases", &lists.denied_databases),
        ("allowed_schemas", &lists.allowed_schemas),
        ("denied_schemas", &lists.denied_schemas),
        ("allowed_tables", &lists.allowed_tables),
        ("denied_tables", &lists.denied_tables),
    ];
    NameRules::new(&lists, config.dialect(connection))
}

/// See [`Profile::policy`].
fn policy_of(settings: &ProfileConfig, statements: ClassSet, read_only: bool) -> String {
    let classes: Vec<&str> = statements.iter().map(Class::name).collect();
    let wall = (settings.require_agent_session, &settings.require_scope);
    digest(&format!(
        "{:?} {classes:?} {read_only} {wall:?} {:?} {:?}",
        settings.names, settings.connection, settings.role
    ))
}

fn digest(text: &str) -> String {
    Digest::of(text).short()
}

/// The classes that a profile allows on a connection.
fn statements(read_only: bool, listed: Option<ClassSet>) -> ClassSet {
    let of_connection = if read_only { ClassSet::harmless() } else { ClassSet::all() };
    listed.map_or(of_connection, |listed| listed.intersection(of_connection))
}

impl Profile {
    /// What the log-in must be that its sessions' requests run on.
    pub fn wall(&self) -> Option<Wall> {
        Wall::new(self.require_agent_session, self.require_scope.clone())
    }

    /// What a statement of its sessions may cost; `None`: anything.
    pub fn cost_bounds(&self) -> Option<CostBounds> {
        let CostConfig { bytes, partitions, rows, asks: _, refuses_unknown } = self.cost;
        let bounds = || CostBounds {
            profile: Arc::from(self.name.as_str()),
            bytes,
            partitions,
            rows,
            refuses_unknown,
        };
        self.cost.is_set().then(bounds)
    }

    fn of(config: &Config, name: &str, settings: &ProfileConfig) -> Self {
        let connection =
            settings.connection.clone().unwrap_or_else(|| config.backend.connection().to_owned());
        let read_only = config.is_read_only(&connection);
        let (names, statements) = match name_rules(config, &connection, &settings.names) {
            Ok(names) => (names, statements(read_only, settings.statements)),
            // The configuration has been checked with the same rules; without them nothing may run.
            Err(_) => (NameRules::default(), ClassSet::default()),
        };
        let dialect = config.dialect(&connection);
        let profile = Self {
            name: name.to_owned(),
            has_semantic_views: config.dialect(&connection) == Dialect::Snowflake,
            read_only,
            context: Context {
                role: settings.role.clone(),
                warehouse: settings.warehouse.clone(),
                database: settings.database.clone(),
                schema: settings.schema.clone(),
                secondary_roles: settings.secondary_roles,
            },
            isolation: settings.isolation,
            has_own_statements: settings.statements.is_some(),
            statements,
            names: Arc::new(names),
            connection,
            tools: settings.tools.clone(),
            hides_app: settings.hides_app,
            questions: config.questions_of(name).filter_map(|question| question.on(dialect)).collect(),
            export_folder: settings.export_folder.clone(),
            roles: Vec::new(),
            caps: ProfileCaps::of(config, settings),
            share: config.pool.allocator.strategy.terms(settings),
            fair_by: config.pool.allocator.fair_by,
            limits: Arc::new(ClientLimits::of(&config.limits.usage, &settings.limits)),
            cost: settings.cost.clone(),
            lease_idle: settings.lease_idle.unwrap_or(LEASE_IDLE),
            pin_idle: settings.pin_idle.unwrap_or(PIN_IDLE),
            require_agent_session: settings.require_agent_session,
            require_scope: settings.require_scope.clone(),
            validator: settings.validator.clone(),
            policy: policy_of(settings, statements, read_only),
        };
        match &settings.access_role {
            Some(role) => profile.bounded(role, &config.roles.get(role).cloned().unwrap_or_default(), false),
            None => profile,
        }
    }
}

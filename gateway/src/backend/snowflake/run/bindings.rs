//! What is bound to a statement's parameters, in the driver's form.

use snowflake_wire::Binding;

use crate::backend::{Parameter, ParameterKind, Parameters};

/// `parameters`, one for each `?` in the order of the text.
pub(super) fn of(parameters: &Parameters) -> Vec<Binding> {
    parameters.as_slice().iter().map(binding).collect()
}

fn binding(parameter: &Parameter) -> Binding {
    let value = &parameter.value;
    let written = || value.written().map(str::to_owned);
    match value.kind() {
        ParameterKind::Text => Binding::text(written()),
        ParameterKind::Integer => Binding::fixed(written()),
        ParameterKind::Number if value.is_exact() => Binding::fixed(written()),
        ParameterKind::Number => Binding::real(written()),
        ParameterKind::Boolean => Binding::boolean(value.written().map(|word| word == "true")),
        ParameterKind::Date => Binding::date(value.days()),
        ParameterKind::Timestamp => Binding::timestamp_ntz(value.nanoseconds()),
    }
}

//! The report that a person reads when something is wrong.
use crate::Fault;
pub(crate) fn render(faults: &[Fault], _color: bool) -> String {
    faults
        .iter()
        .map(|fault| format!("{}: {}\n", fault.code, fault.message))
        .collect()
}

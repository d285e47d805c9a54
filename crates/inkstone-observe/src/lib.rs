//! Logs, metrics and the call record, with their fixed names.

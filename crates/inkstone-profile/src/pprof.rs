//! pprof's format: `proto/profile.proto` of github.com/google/pprof, as much of it as is filled in.

use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

use prost::Message;

use crate::profile::{Frame, Profile};

#[derive(Clone, PartialEq, Message)]
struct Wire {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
    #[prost(int64, tag = "9")]
    time_nanos: i64,
    #[prost(int64, tag = "10")]
    duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    period: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "3")]
    address: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<Line>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
    #[prost(int64, tag = "2")]
    line: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "3")]
    system_name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
}

pub(crate) fn encode(profile: &Profile) -> Vec<u8> {
    let mut tables = Tables::default();
    // The first string is always the empty one.
    tables.string("");
    let count = ValueType { kind: tables.string("samples"), unit: tables.string("count") };
    let cpu = ValueType { kind: tables.string("cpu"), unit: tables.string("nanoseconds") };
    let period = 1_000_000_000 / i64::from(profile.hz.max(1));
    let sample = profile
        .stacks
        .iter()
        .map(|stack| {
            let seen = i64::try_from(stack.count).unwrap_or(i64::MAX);
            let location_id = stack.frames.iter().map(|frame| tables.location(frame)).collect();
            Sample { location_id, value: vec![seen, seen.saturating_mul(period)] }
        })
        .collect();
    let nanos = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    let wire = Wire {
        sample_type: vec![count, cpu],
        sample,
        time_nanos: nanos(profile.began.duration_since(UNIX_EPOCH).unwrap_or_default()),
        duration_nanos: nanos(profile.took),
        period_type: Some(cpu),
        period,
        location: tables.location_list,
        function: tables.function_list,
        string_table: tables.string_list,
    };
    wire.encode_to_vec()
}

/// What samples refer to by number.
#[derive(Default)]
struct Tables {
    strings: HashMap<String, i64>,
    string_list: Vec<String>,
    functions: HashMap<(String, Option<String>), u64>,
    function_list: Vec<Function>,
    locations: HashMap<Frame, u64>,
    location_list: Vec<Location>,
}

impl Tables {
    fn string(&mut self, text: &str) -> i64 {
        if let Some(at) = self.strings.get(text) {
            return *at;
        }
        let at = i64::try_from(self.string_list.len()).unwrap_or_default();
        self.string_list.push(text.to_owned());
        self.strings.insert(text.to_owned(), at);
        at
    }

    /// Numbers begin with 1.
    fn function(&mut self, frame: &Frame) -> u64 {
        let key = (frame.function.clone(), frame.file.clone());
        if let Some(id) = self.functions.get(&key) {
            return *id;
        }
        let id = self.function_list.len() as u64 + 1;
        let name = self.string(&frame.function);
        let filename = self.string(frame.file.as_deref().unwrap_or_default());
        self.function_list.push(Function { id, name, system_name: name, filename });
        self.functions.insert(key, id);
        id
    }

    /// One for each frame: what is inlined stands as a frame of its own, which all readers show.
    fn location(&mut self, frame: &Frame) -> u64 {
        if let Some(id) = self.locations.get(frame) {
            return *id;
        }
        let function_id = self.function(frame);
        let id = self.location_list.len() as u64 + 1;
        let line = Line { function_id, line: i64::from(frame.line.unwrap_or_default()) };
        self.location_list.push(Location { id, address: frame.address as u64, line: vec![line] });
        self.locations.insert(frame.clone(), id);
        id
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::profile::Stack;

    #[test]
    fn every_number_of_a_sample_is_in_the_tables() {
        let frame = |address, function: &str| Frame {
            address,
            function: function.to_owned(),
            file: Some("main.rs".to_owned()),
            line: Some(7),
        };
        let stacks = vec![
            Stack { frames: vec![frame(2, "leaf"), frame(1, "main")], count: 3 },
            Stack { frames: vec![frame(3, "other"), frame(1, "main")], count: 1 },
        ];
        let began = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
        let profile = Profile { stacks, lost: 0, hz: 100, began, took: Duration::from_secs(1) };
        let wire = Wire::decode(profile.pprof().as_slice()).unwrap();
        let name = |at: i64| wire.string_table[usize::try_from(at).unwrap()].as_str();
        let units: Vec<_> = wire.sample_type.iter().map(|kind| (name(kind.kind), name(kind.unit))).collect();
        assert_eq!(units, [("samples", "count"), ("cpu", "nanoseconds")]);
        let functions = |sample: &Sample| -> Vec<&str> {
            let location = |id: &u64| &wire.location[usize::try_from(*id).unwrap() - 1];
            let function = |line: &Line| &wire.function[usize::try_from(line.function_id).unwrap() - 1];
            sample.location_id.iter().map(|id| name(function(&location(id).line[0]).name)).collect()
        };
        assert_eq!(functions(&wire.sample[0]), ["leaf", "main"]);
        assert_eq!(functions(&wire.sample[1]), ["other", "main"]);
        assert_eq!(wire.sample[0].value, [3, 30_000_000]);
        assert_eq!((wire.function.len(), wire.location.len(), wire.string_table[0].as_str()), (3, 3, ""));
        assert_eq!((wire.time_nanos, wire.period), (5_000_000_000, 10_000_000));
        assert_eq!(profile.collapsed(), "main;leaf 3\nmain;other 1\n");
    }
}

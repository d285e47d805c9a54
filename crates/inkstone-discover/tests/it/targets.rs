use inkstone_discover::Target;
use serde::Deserialize;

#[derive(Deserialize)]
struct Table {
    addr: Target,
}

fn read(toml: &str) -> Result<Target, String> {
    toml::from_str::<Table>(toml).map(|table| table.addr).map_err(|error| error.message().to_owned())
}

#[test]
fn every_form_is_understood_and_written_back_as_it_was() {
    let cases = [
        ("k8s:///catalog.shop:grpc", "k8s", "catalog.shop:grpc"),
        ("static:///10.0.0.7:1,10.0.0.8:2", "static", "10.0.0.7:1,10.0.0.8:2"),
        ("dns:///catalog.internal:9002", "dns", "catalog.internal:9002"),
        ("127.0.0.1:9002", "static", "127.0.0.1:9002"),
        ("[::1]:9002", "static", "[::1]:9002"),
        ("catalog:9002", "dns", "catalog:9002"),
        ("127.0.0.1:1,127.0.0.1:2", "static", "127.0.0.1:1,127.0.0.1:2"),
        ("etcd://cluster-a/catalog", "etcd", "catalog"),
    ];
    for (text, scheme, endpoint) in cases {
        let target: Target = text.parse().unwrap();
        assert_eq!((target.scheme(), target.endpoint()), (scheme, endpoint), "{text}");
        assert_eq!(target.to_string(), text);
    }
}

#[test]
fn what_is_wrong_is_named_with_what_would_be_right() {
    let cases = [
        ("", "it is empty"),
        ("localhost", "`localhost` has no port"),
        ("localhost:grpc", "`grpc` is not a port"),
        (":80", "`` is not a host"),
        ("k8s://catalog.shop:grpc", "write `k8s:///catalog.shop:grpc`, with three slashes"),
        ("k8s:///", "`` names nothing to look up"),
        ("static:///a:1,b", "`b` has no port"),
        ("static:///::1:80", "`::1` is not a host"),
    ];
    for (text, why) in cases {
        let error = text.parse::<Target>().unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("expected `host:port`"), "{text}: {error}");
    }
}

#[test]
fn a_list_may_be_written_and_its_entries_are_checked() {
    let target = read("addr = ['10.0.0.7:1', '10.0.0.8:2']").unwrap();
    assert_eq!((target.scheme(), target.hosts().count()), ("static", 2));
    assert!(read("addr = []").unwrap_err().contains("the list is empty"));
    assert!(read("addr = ['10.0.0.7']").unwrap_err().contains("`10.0.0.7` has no port"));
    assert!(read("addr = 4").unwrap_err().contains("expected a target such as"));
}

#[test]
fn the_default_is_unset_and_survives_being_written_and_read() {
    assert!(Target::default().is_unset());
    assert!(read("addr = ''").unwrap().is_unset());
}

#[test]
fn an_entry_of_a_list_is_one_host() {
    let error = Target::list(["a:1", "b,c:2"]).unwrap_err().to_string();
    assert!(error.contains("`b,c` is not a host"), "{error}");
}

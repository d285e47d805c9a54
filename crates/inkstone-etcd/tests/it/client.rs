//! The component.

use inkstone_config::Dur;
use inkstone_core::{App, Component, Health};
use inkstone_etcd::{Change, Etcd, Seen, Watch};

use crate::SOON;
use crate::server::Server;

pub(crate) async fn build(table: &str) -> Etcd {
    App::from_toml("t.toml", table).load::<Etcd>("etcd.a").build().await.unwrap()
}

async fn of(server: &Server) -> Etcd {
    build(&format!("[etcd.a]\naddr = \"{}\"\n", server.addr())).await
}

async fn next(watch: &mut Watch) -> Seen {
    tokio::time::timeout(SOON, watch.next()).await.expect("something is seen").unwrap()
}

#[tokio::test]
async fn keys_are_written_read_listed_and_deleted() {
    let server = Server::start();
    let etcd = of(&server).await;
    assert_eq!(etcd.get("shop/a").await.unwrap(), None);
    let first = etcd.put("shop/a", "1").await.unwrap();
    let second = etcd.put("shop/b", "2").await.unwrap();
    assert!(second > first);
    let a = etcd.get("shop/a").await.unwrap().unwrap();
    assert_eq!((a.text(), a.revision), (Some("1"), first));
    let keys: Vec<_> = etcd.list("shop/").await.unwrap().into_iter().map(|kv| kv.key).collect();
    assert_eq!(keys, [b"shop/a", b"shop/b"]);
    assert!(etcd.delete("shop/a").await.unwrap());
    assert!(!etcd.delete("shop/a").await.unwrap());
    assert_eq!(etcd.delete_prefix("shop/").await.unwrap(), 1);
    etcd.put("shop/secret", "hunter2").await.unwrap();
    let secret = etcd.get("shop/secret").await.unwrap();
    assert!(!format!("{secret:?}").contains("hunter2"), "values are not shown: {secret:?}");
}

#[tokio::test]
async fn a_key_is_only_replaced_if_nobody_else_has_changed_it() {
    let server = Server::start();
    let etcd = of(&server).await;
    assert!(etcd.put_if("leader", "a", 0).await.unwrap(), "it did not exist");
    assert!(!etcd.put_if("leader", "b", 0).await.unwrap(), "it exists");
    let seen = etcd.get("leader").await.unwrap().unwrap();
    assert!(etcd.put_if("leader", "b", seen.revision).await.unwrap());
    assert!(!etcd.put_if("leader", "c", seen.revision).await.unwrap());
    assert_eq!(etcd.get("leader").await.unwrap().unwrap().text(), Some("b"));
}

#[tokio::test]
async fn a_watch_says_what_there_is_and_then_every_change() {
    let server = Server::start();
    let etcd = of(&server).await;
    etcd.put("a/1", "x").await.unwrap();
    let mut watch = etcd.watch_prefix("a/");
    let Seen::All(all) = next(&mut watch).await else { panic!("the state comes first") };
    assert_eq!(all.len(), 1);
    etcd.put("b/1", "not ours").await.unwrap();
    etcd.put("a/2", "y").await.unwrap();
    etcd.delete("a/1").await.unwrap();
    let mut changes = Vec::new();
    while changes.len() < 2 {
        match next(&mut watch).await {
            Seen::Changes(more) => changes.extend(more),
            other => panic!("{other:?}"),
        }
    }
    assert!(
        matches!(&changes[0], Change::Put(kv) if kv.key == b"a/2" && kv.text() == Some("y")),
        "{changes:?}"
    );
    assert_eq!(changes[1], Change::Deleted(b"a/1".to_vec()));
}

#[tokio::test]
async fn a_watch_survives_a_restart_and_says_all_again() {
    let mut server = Server::start();
    let etcd = of(&server).await;
    let mut watch = etcd.watch("a");
    assert_eq!(next(&mut watch).await, Seen::All(Vec::new()));
    server.down();
    let error = tokio::time::timeout(SOON, watch.next()).await.unwrap().unwrap_err();
    assert!(error.to_string().contains(&server.addr()), "{error}");
    server.up();
    server.must(&["put", "a", "1"]);
    let seen = async {
        loop {
            if let Ok(seen) = watch.next().await {
                return seen;
            }
        }
    };
    let Seen::All(all) = tokio::time::timeout(SOON, seen).await.unwrap() else {
        panic!("not all is said again")
    };
    assert_eq!(all[0].text(), Some("1"));
}

#[tokio::test]
async fn a_lease_keeps_its_keys_while_it_is_held_and_takes_them_with_it() {
    let server = Server::start();
    let etcd = of(&server).await;
    let lease = etcd.lease(Dur::from_secs(1)).await.unwrap();
    etcd.put_leased("member", "a", &lease).await.unwrap();
    // Past its time: it was renewed.
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    assert_eq!(etcd.get("member").await.unwrap().unwrap().lease, lease.id());
    let mut watch = etcd.watch("member");
    next(&mut watch).await;
    let same = lease.clone();
    lease.revoke().await.unwrap();
    assert_eq!(next(&mut watch).await, Seen::Changes(vec![Change::Deleted(b"member".to_vec())]));
    same.lost().await;
    let dropped = etcd.lease(Dur::from_secs(1)).await.unwrap();
    etcd.put_leased("member", "b", &dropped).await.unwrap();
    next(&mut watch).await;
    drop(dropped);
    assert_eq!(next(&mut watch).await, Seen::Changes(vec![Change::Deleted(b"member".to_vec())]));
}

#[tokio::test]
async fn a_token_that_etcd_has_forgotten_is_renewed() {
    let mut server = Server::start();
    server.ask_for_passwords();
    let table = format!("[etcd.a]\naddr = \"{}\"\nuser = \"shop\"\npassword = \"hunter2\"\n", server.addr());
    let etcd = build(&table).await;
    etcd.put("/config/a", "1").await.unwrap();
    // Tokens are kept in memory.
    server.down();
    server.up();
    let mut answer = etcd.get("/config/a").await;
    // The first call may still find the connection broken.
    for _ in 0..50 {
        if answer.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        answer = etcd.get("/config/a").await;
    }
    assert_eq!(answer.unwrap().unwrap().text(), Some("1"));
    let denied = etcd.put("/other", "1").await.unwrap_err();
    assert_eq!(denied.code(), tonic::Code::PermissionDenied);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_start_error_that_names_it() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    let app = App::from_toml("t.toml", &format!("[etcd.a]\naddr = \"{addr}\"\n"));
    let error = app.load::<Etcd>("etcd.a").build().await.unwrap_err().to_string();
    for part in ["INK2004", &addr, "Connection refused", "hint:"] {
        assert!(error.contains(part), "no {part:?} in\n{error}");
    }
}

#[tokio::test]
async fn health_says_whether_etcd_answers() {
    let mut server = Server::start();
    let etcd = of(&server).await;
    assert_eq!(etcd.health().await, Health::Up);
    assert!(etcd.peers()[0].up && etcd.peers()[0].address == server.addr(), "{:?}", etcd.peers());
    server.down();
    assert!(matches!(etcd.health().await, Health::Down(why) if why.contains(&server.addr())));
    assert!(!etcd.peers()[0].up, "{:?}", etcd.peers());
}

#[tokio::test]
async fn a_table_that_contradicts_itself_is_refused() {
    let table = "[etcd.a]\naddr = \"http://a:1,,b:2\"\nuser = \"u\"\ntls.ca = \"ca.pem\"\nconnect.keepalive = \"1s\"\n";
    let error = App::from_toml("t.toml", table).load::<Etcd>("etcd.a").build().await.unwrap_err().to_string();
    for part in ["between two of the commas", "without a scheme", "set together", "not be encrypted", "5s"] {
        assert!(error.contains(part), "no {part:?} in\n{error}");
    }
}

//! Changes that are not made at one stroke, and files at the end of several links.

use std::{
    fs,
    io::Write,
    os::unix::fs::symlink,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use inkstone_config::{Settings, Sources};

use crate::{
    types::Client,
    watching::{Running, plain, running, soon, text},
};

#[track_caller]
fn only_the_limit_changed(app: &Running) {
    let outcomes = app.outcomes.lock().unwrap();
    assert!(outcomes.iter().all(|outcome| outcome == "grpc.stock.limit"), "{outcomes:?}");
}

/// Lets this much time pass. It is what is tested, not a way to wait for something.
fn pause(millis: u64) {
    let until = Instant::now() + Duration::from_millis(millis);
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        thread::park_timeout(left);
    }
}

#[test]
fn a_file_written_in_two_parts_is_never_refused() {
    let app = running(plain);
    for limit in 2..12 {
        let whole = text(limit);
        let (first, second) = whole.split_at(20);
        let mut file = fs::File::create(app.file()).unwrap();
        file.write_all(first.as_bytes()).unwrap();
        file.write_all(second.as_bytes()).unwrap();
        drop(file);
        app.arrives(limit);
    }
    only_the_limit_changed(&app);
}

#[test]
fn half_of_a_file_is_not_applied_though_it_would_be_valid_alone() {
    let app = running(plain);
    let whole = format!("[grpc.stock]\nlimit = 2\naddr = \"a:1\"\n# {}\nlimit_was = 1\n", "x".repeat(80));
    let whole = whole.replace("limit_was = 1\n", "guard_is_not_a_key = 1\n");
    // Its first half says `limit = 2` and is complete; the whole is refused. Neither may change anything.
    let half = whole.find("guard").unwrap();
    let mut file = fs::File::create(app.file()).unwrap();
    file.write_all(&whole.as_bytes()[..half]).unwrap();
    pause(700);
    file.write_all(&whole.as_bytes()[half..]).unwrap();
    drop(file);
    soon("refusal", || app.settings.status().rejected.is_some());
    assert_eq!((app.client.get().limit, app.settings.status().reloads), (1, 0));
    assert_eq!(app.outcomes.lock().unwrap().len(), 1, "only the whole was looked at");
}

#[test]
fn a_file_written_slowly_arrives_whole() {
    let app = running(plain);
    let whole = text(2);
    let (first, second) = whole.split_at("[grpc.stock]\naddr = \"a:1\"\n".len());
    // The first half is valid alone, and takes `limit` back to its default.
    let mut file = fs::File::create(app.file()).unwrap();
    file.write_all(first.as_bytes()).unwrap();
    pause(400);
    assert_eq!(app.client.get().limit, 1);
    file.write_all(second.as_bytes()).unwrap();
    drop(file);
    app.arrives(2);
    assert_eq!(*app.outcomes.lock().unwrap(), ["grpc.stock.limit"]);
}

#[test]
fn a_file_emptied_and_then_written_anew_is_never_read_empty() {
    let app = running(plain);
    for limit in 2..5 {
        fs::File::create(app.file()).unwrap();
        pause(60);
        fs::write(app.file(), text(limit)).unwrap();
        app.arrives(limit);
    }
    only_the_limit_changed(&app);
}

#[test]
fn a_file_that_stays_open_is_applied_at_last() {
    let app = running(plain);
    let mut file = fs::File::create(app.file()).unwrap();
    file.write_all(text(2).as_bytes()).unwrap();
    app.arrives(2);
    file.write_all(b"# more\n").unwrap();
}

#[test]
fn a_directory_that_is_deleted_and_made_again_is_followed() {
    let app = running(|dir| {
        fs::create_dir_all(dir.join("a/conf")).unwrap();
        plain(&dir.join("a/conf"))
    });
    let above = app.dir.path().join("a");
    for limit in [2, 4, 6] {
        fs::remove_dir_all(&above).unwrap();
        soon("refusal", || app.settings.status().rejected.is_some());
        assert_eq!(app.client.get().limit, if limit == 2 { 1 } else { limit - 1 });
        fs::create_dir_all(above.join("conf")).unwrap();
        fs::write(above.join("conf/app.toml"), text(limit)).unwrap();
        app.arrives(limit);
        // The new directory is watched like the one before.
        fs::write(above.join("conf/app.toml"), text(limit + 1)).unwrap();
        app.arrives(limit + 1);
    }
}

/// Puts another link in place of a link, as one does: in one step.
fn relink(to: &str, link: &Path) {
    let new = link.with_file_name("relinked");
    symlink(to, &new).unwrap();
    fs::rename(new, link).unwrap();
}

#[test]
fn a_change_anywhere_in_a_chain_of_links_arrives() {
    let app = running(|dir| {
        for (sub, limit) in [("one", 1), ("two", 3), ("far/away", 4)] {
            fs::create_dir_all(dir.join(sub)).unwrap();
            fs::write(dir.join(sub).join("real.toml"), text(limit)).unwrap();
        }
        fs::create_dir(dir.join("links")).unwrap();
        // app.toml → links/second.toml → ../current/real.toml, and current → one
        symlink("one", dir.join("current")).unwrap();
        symlink("../current/real.toml", dir.join("links/second.toml")).unwrap();
        symlink("links/second.toml", dir.join("app.toml")).unwrap();
        dir.join("app.toml")
    });
    let dir = app.dir.path();
    // The file at the end.
    fs::write(dir.join("one/real.toml"), text(2)).unwrap();
    app.arrives(2);
    // The link to a directory in the middle.
    relink("two", &dir.join("current"));
    app.arrives(3);
    // The link to the file in the middle, to a path through another directory.
    relink(dir.join("far/away/real.toml").to_str().unwrap(), &dir.join("links/second.toml"));
    app.arrives(4);
    fs::write(dir.join("far/away/real.toml"), text(5)).unwrap();
    app.arrives(5);
    // The first link becomes a file.
    fs::write(dir.join("new.toml"), text(6)).unwrap();
    fs::rename(dir.join("new.toml"), app.file()).unwrap();
    app.arrives(6);
    // What it led to before does not matter any more.
    fs::write(dir.join("far/away/real.toml"), "[broken").unwrap();
    fs::write(app.file(), text(7)).unwrap();
    app.arrives(7);
    only_the_limit_changed(&app);
}

#[test]
fn a_directory_of_a_volume_may_itself_be_behind_links() {
    let app = running(|dir| {
        fs::create_dir_all(dir.join("volume/..v1")).unwrap();
        fs::write(dir.join("volume/..v1/app.toml"), text(1)).unwrap();
        symlink("..v1", dir.join("volume/..data")).unwrap();
        symlink("..data/app.toml", dir.join("volume/app.toml")).unwrap();
        symlink("volume", dir.join("etc")).unwrap();
        dir.join("etc/app.toml")
    });
    let volume = app.dir.path().join("volume");
    for limit in 2..6 {
        let version = format!("..v{limit}");
        fs::create_dir(volume.join(&version)).unwrap();
        fs::write(volume.join(&version).join("app.toml"), text(limit)).unwrap();
        relink(&version, &volume.join("..data"));
        fs::remove_dir_all(volume.join(format!("..v{}", limit - 1))).unwrap();
        app.arrives(limit);
    }
    only_the_limit_changed(&app);
}

#[test]
fn settings_that_nobody_watches_change_when_told_only() {
    let dir = tempfile::tempdir().unwrap();
    let file = plain(dir.path());
    let settings = Settings::open(Sources::new().file(&file));
    let client = settings.load::<Client>("grpc", "grpc.stock");
    assert!(!settings.status().watch.running);
    assert_eq!(settings.status().watch.to_json()["mode"], "off");
    fs::write(&file, text(2)).unwrap();
    assert_eq!(client.get().limit, 1);
    assert!(settings.reload().unwrap());
    assert_eq!(client.get().limit, 2);
}

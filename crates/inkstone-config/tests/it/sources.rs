//! Sources: files as every other, and what `--config` may name.

use std::{
    ffi::OsStr,
    path::PathBuf,
    time::{Duration, Instant},
};

use inkstone_config::{
    Code, Fault, Feed, Remote, RemoteAddress, RemoteDocument, RemoteSource, Settings, Sources, Trouble,
    conformance::{self, Subject},
};

use crate::types::Client;

struct File {
    _dir: tempfile::TempDir,
    volume: PathBuf,
}

impl Subject for File {
    fn sources(&self) -> Sources {
        Sources::new().file(self.volume.join("app.toml"))
    }

    fn absent(&self) -> Sources {
        Sources::new().location(self.volume.join("other.toml"))
    }

    async fn write(&mut self, text: &str) {
        std::fs::write(self.volume.join("app.toml"), text).unwrap();
    }

    async fn delete(&mut self) {
        std::fs::remove_file(self.volume.join("app.toml")).unwrap();
    }

    async fn lose(&mut self) {
        std::fs::rename(&self.volume, self.volume.with_extension("away")).unwrap();
    }

    async fn restore(&mut self) {
        std::fs::rename(self.volume.with_extension("away"), &self.volume).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_does_what_every_source_must() {
    let dir = tempfile::tempdir().unwrap();
    let volume = dir.path().join("volume");
    std::fs::create_dir(&volume).unwrap();
    conformance::check(File { _dir: dir, volume }).await;
}

/// A remote source whose first words a test chooses.
#[derive(Clone)]
struct Says(Vec<Result<Vec<RemoteDocument>, Trouble>>);

impl RemoteSource for Says {
    fn scheme(&self) -> &'static str {
        "says"
    }

    fn parameters(&self) -> &'static [&'static str] {
        &["ca"]
    }

    fn open(&self, address: &RemoteAddress) -> Result<Remote, Fault> {
        if address.path().is_empty() {
            return Err(address.malformed("it names nothing"));
        }
        let words = self.0.clone();
        Ok(Remote::new(move |feed: Feed| async move {
            for word in words {
                match word {
                    Ok(documents) => feed.put(documents),
                    Err(trouble) => feed.failed(trouble),
                }
                tokio::task::yield_now().await;
            }
            std::future::pending().await
        }))
    }
}

fn document(name: &str, text: &str) -> RemoteDocument {
    RemoteDocument::new(name, text)
}

async fn opened(words: &[Result<Vec<RemoteDocument>, Trouble>], locations: &[&str]) -> Settings {
    let sources = Sources::new().remote(Says(words.to_vec())).locations(locations.iter().map(OsStr::new));
    sources.fetch().await;
    Settings::open(sources)
}

#[test]
fn a_scheme_that_nothing_reads_says_how_to_add_it() {
    let settings = Settings::open(Sources::new().location("nacos://user:hunter2@10.0.0.1:8848/shop/a.toml"));
    let report = settings.problems().to_string();
    for part in ["INK1013", "nacos://10.0.0.1:8848/shop/a.toml", "config_source(", "only files"] {
        assert!(report.contains(part), "no {part:?} in\n{report}");
    }
    assert!(!report.contains("hunter2"), "{report}");
    assert_eq!(settings.problems().exit_status(), 78);
}

#[test]
fn an_address_of_a_file_is_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.toml");
    std::fs::write(&file, "[grpc.stock]\naddr = \"a:1\"\n").unwrap();
    let settings = Settings::open(Sources::new().location(format!("file://{}", file.display())));
    assert_eq!(settings.load::<Client>("grpc", "grpc.stock").get().addr.to_string(), "a:1");
    assert!(settings.problems().is_empty(), "{}", settings.problems());
}

#[tokio::test]
async fn files_and_remote_sources_mix_in_the_order_given() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("over.toml");
    std::fs::write(&file, "[grpc.stock]\nlimit = 3\n").unwrap();
    let remote = document("says://a,b/x.toml", "[grpc.stock]\naddr = \"a:1\"\nlimit = 2\n");
    // The comma between hosts is one of `--config` too.
    let settings = opened(&[Ok(vec![remote])], &["says://a", "b/x.toml", "", file.to_str().unwrap()]).await;
    let client = settings.load::<Client>("grpc", "grpc.stock");
    assert!(settings.problems().is_empty(), "{}", settings.problems());
    assert_eq!((client.get().addr.to_string().as_str(), client.get().limit), ("a:1", 3));
    let origins: Vec<_> = settings.effective().into_iter().map(|value| value.origin).collect();
    assert!(origins.contains(&"says://a,b/x.toml:2:8".to_owned()), "{origins:?}");
    assert!(origins.contains(&format!("{}:2:9", file.display())), "{origins:?}");
}

#[tokio::test]
async fn several_documents_of_one_source_are_merged_in_their_order() {
    let documents = vec![
        document("says://a/1.toml", "[grpc.stock]\naddr = \"a:1\"\nlimit = 1\n"),
        document("says://a/2.yaml", "grpc:\n  stock:\n    limit: 2\n"),
    ];
    let settings = opened(&[Ok(documents)], &["says://a/"]).await;
    assert_eq!(settings.load::<Client>("grpc", "grpc.stock").get().limit, 2);
    assert_eq!(settings.status().sources.len(), 2);
}

#[tokio::test]
async fn the_format_may_stand_in_the_address() {
    let words = [Ok(vec![document("says://a/shop", "grpc: {stock: {addr: \"a:1\"}}\n")])];
    let settings = opened(&words, &["says://a/shop?format=yaml"]).await;
    settings.load::<Client>("grpc", "grpc.stock");
    assert!(settings.problems().is_empty(), "{}", settings.problems());
    let settings = opened(&words, &["says://a/shop"]).await;
    assert!(settings.problems().to_string().contains("which format"), "{}", settings.problems());
}

#[tokio::test]
async fn a_source_that_never_answers_ends_the_start_in_its_own_time() {
    let settings = opened(&[], &["says://a/x.toml?timeout=20ms"]).await;
    settings.load::<Client>("grpc", "grpc.stock");
    let report = settings.problems().to_string();
    assert!(report.contains("says://a/x.toml: no answer (tried for 20ms)"), "{report}");
    assert_eq!(
        settings.problems().len(),
        1,
        "a table that may be in there is not reported missing:\n{report}"
    );
}

#[tokio::test]
async fn a_start_waits_for_trouble_that_passes_and_not_for_trouble_that_lasts() {
    let good = Ok(vec![document("x.toml", "[grpc.stock]\naddr = \"a:1\"\n")]);
    let passing = opened(&[Err(Trouble::new("busy")), good.clone()], &["says://a/x.toml"]).await;
    assert!(passing.problems().is_empty(), "{}", passing.problems());
    // It would wait for an hour.
    let refused = Trouble::new("access denied").hint("ask for it").lasting();
    let lasting = opened(&[Err(refused)], &["says://a/x.toml?timeout=1h"]).await;
    let report = lasting.problems().to_string();
    for part in ["INK1014", "says://a/x.toml: access denied", "hint: ask for it"] {
        assert!(report.contains(part), "no {part:?} in\n{report}");
    }
}

#[tokio::test]
async fn an_address_that_the_source_cannot_use_is_a_start_error() {
    let settings = opened(&[], &["says://a", "says://a/x?cb=1", "says://a/x?timeout=soon"]).await;
    let problems = settings.problems();
    assert!(problems.iter().all(|fault| fault.code == Code::BadSource), "{problems}");
}

/// A source whose following panics: at once, or after its first content.
struct Falls {
    later: bool,
}

impl RemoteSource for Falls {
    fn scheme(&self) -> &'static str {
        "falls"
    }

    fn open(&self, _: &RemoteAddress) -> Result<Remote, Fault> {
        let later = self.later;
        Ok(Remote::new(move |feed: Feed| async move {
            if later {
                feed.put(vec![document("falls://h/a.toml", "[shelf]\n")]);
                tokio::task::yield_now().await;
            }
            panic!("off the shelf");
        }))
    }
}

#[tokio::test]
async fn a_source_that_panics_is_reported_at_the_start_and_as_lost_later() {
    for later in [false, true] {
        let sources = Sources::new().remote(Falls { later }).location("falls://h/a.toml?timeout=1h");
        sources.fetch().await;
        let settings = Settings::open(sources);
        let start = Instant::now();
        let said = loop {
            let status = settings.status();
            let trouble = status.sources.iter().find_map(|source| source.trouble.clone());
            let said = if later { trouble } else { Some(settings.problems().to_string()) };
            if let Some(said) = said {
                break said;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "nothing is said: {status:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert!(said.contains("panicked: off the shelf"), "{later}: {said}");
    }
}

#[tokio::test]
async fn sources_that_were_not_fetched_say_so() {
    let settings = Settings::open(Sources::new().remote(Says(Vec::new())).location("says://a/x.toml"));
    assert!(settings.problems().to_string().contains("Sources::fetch"), "{}", settings.problems());
}

#[tokio::test]
async fn nothing_of_a_sealed_document_is_shown() {
    let text = "[grpc.stock]\naddr = \"hunter1\"\nlimit = \"hunter2\"\n";
    let settings = opened(&[Ok(vec![document("s.toml", text).sealed()])], &["says://a/s.toml"]).await;
    settings.load::<Client>("grpc", "grpc.stock");
    let problems = settings.problems();
    assert!(problems.to_string().contains("s.toml:3:9"), "{problems}");
    assert!(!format!("{problems} {}", problems.to_json_lines()).contains("hunter"), "{problems}");

    let good = "[grpc.stock]\naddr = \"hunter1\"\nlimit = 7\n";
    let settings = opened(&[Ok(vec![document("s.toml", good).sealed()])], &["says://a/s.toml"]).await;
    assert_eq!(settings.load::<Client>("grpc", "grpc.stock").get().limit, 7);
    let effective = format!("{:?}", settings.effective());
    assert!(!effective.contains("hunter") && effective.contains("***"), "{effective}");
}

#[tokio::test]
async fn a_document_that_is_no_text_is_refused() {
    let settings =
        opened(&[Ok(vec![RemoteDocument::new("x.toml", vec![0xff_u8, 0xfe])])], &["says://a/x.toml"]).await;
    assert!(settings.problems().to_string().contains("not UTF-8"), "{}", settings.problems());
}

#[tokio::test]
async fn a_hook_is_told_when_a_source_is_lost_and_found_again() {
    let good = Ok(vec![document("x.toml", "[grpc.stock]\naddr = \"a:1\"\n")]);
    let (say, said) = tokio::sync::mpsc::unbounded_channel();
    let sources = Sources::new().remote(Told(std::sync::Mutex::new(Some(said)))).location("told://a/x.toml");
    say.send(good.clone()).unwrap();
    sources.fetch().await;
    let settings = Settings::open(sources);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    settings.on_source(move |source, up| tell.send((source.to_owned(), up)).unwrap());
    let mut next = async || told.recv().await.unwrap();
    assert_eq!(next().await, ("told://a/x.toml".to_owned(), true));
    say.send(Err(Trouble::new("busy"))).unwrap();
    say.send(Err(Trouble::new("still busy"))).unwrap();
    assert!(!next().await.1);
    assert!(settings.status().sources[0].trouble.as_deref().is_some_and(|why| why.ends_with("busy")));
    say.send(good).unwrap();
    assert!(next().await.1, "trouble that goes on is told once");
    assert_eq!(settings.status().sources[0].trouble, None);
}

type Said = tokio::sync::mpsc::UnboundedReceiver<Result<Vec<RemoteDocument>, Trouble>>;

/// A remote source that says what a test says.
struct Told(std::sync::Mutex<Option<Said>>);

impl RemoteSource for Told {
    fn scheme(&self) -> &'static str {
        "told"
    }

    fn open(&self, _: &RemoteAddress) -> Result<Remote, Fault> {
        let mut said = self.0.lock().unwrap().take().unwrap();
        Ok(Remote::new(move |feed: Feed| async move {
            while let Some(word) = said.recv().await {
                match word {
                    Ok(documents) => feed.put(documents),
                    Err(trouble) => feed.failed(trouble),
                }
                // One thing after the other, so that a test sees each.
                tokio::task::yield_now().await;
            }
        }))
    }
}

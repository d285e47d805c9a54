//! Makes sure that there is a front end to embed, so that cargo alone can build the console.

use std::path::Path;
use std::{fs, io};

const PLACEHOLDER: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Inkstone console</title>
</head>
<body>
<h1>Inkstone console</h1>
<p>This console was built without its pages. Build them with <code>cargo xtask web</code>, then build it again.
The API below <code>api/v1/</code> works.</p>
</body>
</html>
"#;

fn main() -> io::Result<()> {
    let dist = Path::new("../../web/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=migrations");
    let index = dist.join("index.html");
    if !index.exists() {
        fs::create_dir_all(dist)?;
        fs::write(index, PLACEHOLDER)?;
    }
    Ok(())
}

//! From a container's manifest to the program that runs for it.
use std::path::PathBuf;

use k8s_openapi::api::core::v1::Container;

use super::env::{Env, declare};
use super::leftovers::MARK;
use super::mounts::{Mounts, below};
use super::pod::PodRun;
use super::process::Launch;
use super::volumes;

/// Variables of the cluster's own environment that containers see too: how a developer asks all of them at once
/// for more output.
const INHERITED: [&str; 7] =
    ["INKSTONE_DEBUG", "INKSTONE_LOG", "RUST_LOG", "RUST_BACKTRACE", "NO_COLOR", "LANG", "TZ"];

/// Why a container cannot be started now.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// As `kubectl get pods` shows it.
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// A container ready to start, and what its probes need to know.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) launch: Launch,
    /// The program that the image stands for.
    pub(crate) image: PathBuf,
    env: Env,
    mounts: Mounts,
}

impl PodRun {
    /// Finds everything that `container` needs, as it is now.
    pub(crate) fn prepare_container(&self, container: &Container, restart: u32) -> Result<Prepared, Refusal> {
        let config = |message| Refusal { reason: "CreateContainerConfigError", message };
        let image = self
            .node
            .programs
            .of_image(container.image.as_deref().unwrap_or_default())
            .map_err(|message| Refusal { reason: "ErrImageNeverPull", message })?;
        let mounts = self.mounts(container).map_err(config)?;
        let work = self.dir.join("_work").join(&container.name);
        let mut env = self.base_env(&work);
        declare(&mut env, &self.pod, container, &self.identity(), &self.sources(None)).map_err(config)?;
        let dir = match container.working_dir.as_deref().filter(|dir| !dir.is_empty()) {
            None => work,
            Some(dir) => {
                let real = mounts.rewrite(dir);
                if real == dir { below(&work, dir) } else { real.into() }
            }
        };
        let log = self.container_dir(&container.name).join(format!("{restart}.log"));
        let launch = Launch {
            program: image.clone(),
            args: Vec::new(),
            env: env.rewritten(|value| mounts.rewrite(value)),
            dir,
            log: Some(log),
        };
        let mut prepared = Prepared { launch, image, env, mounts };
        let args = container.args.as_deref().unwrap_or_default();
        match container.command.as_deref().filter(|command| !command.is_empty()) {
            None => prepared.launch.args = prepared.words(args),
            Some(command) => {
                let all: Vec<_> = command.iter().chain(args).cloned().collect();
                let found = self.command(&prepared, &all);
                (prepared.launch.program, prepared.launch.args) =
                    found.map_err(|message| Refusal { reason: "CreateContainerError", message })?;
            }
        }
        Ok(prepared)
    }

    /// The program and arguments of a command inside the container.
    pub(crate) fn command(
        &self,
        prepared: &Prepared,
        words: &[String],
    ) -> Result<(PathBuf, Vec<String>), String> {
        let mut words = prepared.words(words).into_iter();
        let first = words.next().ok_or("the command is empty")?;
        Ok((self.node.programs.of_command(&first)?, words.collect()))
    }

    fn mounts(&self, container: &Container) -> Result<Mounts, String> {
        let known = volumes::by_name(&self.pod);
        let mut mounts = Vec::new();
        for mount in container.volume_mounts.iter().flatten() {
            let volume = known.get(mount.name.as_str()).ok_or_else(|| {
                format!("volumeMount {}: the pod has no volume named \"{}\"", mount.mount_path, mount.name)
            })?;
            if mount.sub_path_expr.is_some() {
                return Err(format!(
                    "volumeMount {}: the local cluster has no subPathExpr",
                    mount.mount_path
                ));
            }
            let place = volumes::place(volume, &self.dir, &self.node.host_dir());
            let place =
                mount.sub_path.as_deref().map_or_else(|| place.clone(), |inside| below(&place, inside));
            mounts.push((mount.mount_path.clone(), place));
        }
        Ok(Mounts::new(mounts))
    }

    /// What every container gets, before its manifest has its say.
    fn base_env(&self, home: &std::path::Path) -> Env {
        let mut env = Env::default();
        for name in INHERITED {
            if let Ok(value) = std::env::var(name) {
                env.set(name, value);
            }
        }
        env.set("PATH", self.node.search_path());
        env.set("HOME", home.to_string_lossy());
        env.set("HOSTNAME", self.name());
        env.set("KUBECONFIG", self.kubeconfig().to_string_lossy());
        env.set("KUBERNETES_SERVICE_HOST", self.node.options.api.ip().to_string());
        env.set("KUBERNETES_SERVICE_PORT", self.node.options.api.port().to_string());
        env.set(MARK, self.uid());
        env
    }
}

impl Prepared {
    fn words(&self, words: &[String]) -> Vec<String> {
        words.iter().map(|word| self.mounts.rewrite(&self.env.expand(word))).collect()
    }
}

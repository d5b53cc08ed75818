//! `portshim env`: the variables that load the policy where nobody calls portshim.

use super::policy;
use crate::args::{Format, Options};
use crate::messages::{self, Failure};
use crate::{environment, platform, present};
use portshim_policy::region::wire;
use std::path::Path;

/// Place where an image is told to keep the library, unless the user says otherwise.
const IN_AN_IMAGE: &str = "/usr/lib/portshim/libportshim.so";

pub(super) fn env(args: &Options) -> Result<u32, Failure> {
    platform::can_preload()?;
    let resolved = policy::resolved(&args.policy)?;
    present::eprint_problems(&resolved.warnings);
    let options = wire::Options { follow: !args.no_follow, hint: environment::hints()?, legal: resolved.legal };
    let text = wire::encode(&resolved.rules, options);
    if text.len() > platform::ROOM {
        return Err(messages::policy_too_long_to_print(text.len()));
    }
    let own = platform::lasting_library()?;
    let own = own.to_str().ok_or_else(|| messages::library_not_utf8(&own))?;
    let there = match (&args.library, args.format) {
        (Some(path), _) => path.as_str(),
        (None, Format::Docker | Format::Kubernetes) => IN_AN_IMAGE,
        (None, _) => own,
    };
    platform::nameable(Path::new(there))
        .map_err(|why| messages::no_such_library("--library", Path::new(there), &why))?;
    present::print(&written(args.format, own, there, &text)).map(|()| 0)
}

/// The two variables in the words of whoever reads them.
fn written(format: Format, own: &str, there: &str, policy: &str) -> String {
    let needs = platform::library_needs().map(|needs| format!("# For programs of {needs}.\n")).unwrap_or_default();
    match format {
        // Whatever the shell preloads already stays behind the library; a session that the shell
        // belongs to has rules of its own, which would come first.
        Format::Shell => format!(
            "unset PORTSHIM_SESSION\nexport LD_PRELOAD={}\"${{LD_PRELOAD:+:$LD_PRELOAD}}\"\nexport PORTSHIM_POLICY={}\n",
            shell(there),
            shell(policy)
        ),
        Format::Systemd => format!(
            "{needs}[Service]\nEnvironment={} {}\n",
            systemd(&format!("LD_PRELOAD={there}")),
            systemd(&format!("PORTSHIM_POLICY={policy}"))
        ),
        Format::Docker => format!(
            "{needs}# Beside the Dockerfile: cp {} libportshim.so\nCOPY libportshim.so {}\nENV LD_PRELOAD={} \\\n    PORTSHIM_POLICY={}\n",
            shell(own),
            there,
            docker(there),
            docker(policy)
        ),
        Format::Kubernetes => format!(
            "{needs}# The image must hold the library at this path: a copy of {own}\nenv:\n  - name: LD_PRELOAD\n    value: {}\n  - name: PORTSHIM_POLICY\n    value: {}\n",
            yaml(there),
            yaml(policy)
        ),
        Format::Json => present::json(&serde_json::json!({ "LD_PRELOAD": there, "PORTSHIM_POLICY": policy })),
    }
}

/// Quoted for sh(1): between single quotes nothing is special but the quote itself.
fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Quoted for systemd.exec(5): C escapes between double quotes, and `%` begins a specifier.
fn systemd(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\"").replace('%', "%%"))
}

/// Quoted for a Dockerfile, which replaces variables between double quotes.
fn docker(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\"").replace('$', r"\$"))
}

/// Quoted for YAML, of which JSON is a part; Kubernetes replaces `$(NAME)`, and `$$` stands for
/// `$`.
fn yaml(text: &str) -> String {
    serde_json::Value::from(text.replace('$', "$$")).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reader_gets_back_what_was_meant() {
        let text = r#"a'b"c\d%e$f"#;
        assert_eq!(shell(text), r#"'a'\''b"c\d%e$f'"#);
        assert_eq!(systemd(text), r#""a'b\"c\\d%%e$f""#);
        assert_eq!(docker(text), r#""a'b\"c\\d%e\$f""#);
        assert_eq!(yaml(text), r#""a'b\"c\\d%e$$f""#);
    }
}

//! Calls of netsh and rpccfg, found in lines of scripts and of consoles.

/// A program that is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Netsh,
    Rpccfg,
}

/// A call of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call<'a> {
    pub(super) program: Program,
    /// Text that follows the program's name.
    pub(super) arguments: &'a str,
}

/// Tells whether the line goes on in the next one: `^` in a batch file, `` ` `` in PowerShell.
pub(super) fn goes_on(line: &str) -> bool {
    line.ends_with(['^', '`'])
}

/// The calls of a line, one for each command that `&`, `|` or `;` parts from the others.
pub(super) fn calls(line: &str) -> impl Iterator<Item = Call<'_>> {
    let line = after_prompt(line.trim());
    let mut quoted = false;
    let parts = line.split(move |c| {
        quoted ^= c == '"';
        !quoted && matches!(c, '&' | '|' | ';')
    });
    // Not even a part of a comment is a command.
    let comment = is_comment(line);
    parts.filter(move |_| !comment).filter_map(call)
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start_matches(['@', ' ', '\t']);
    let word = line.split_whitespace().next().unwrap_or_default();
    word.eq_ignore_ascii_case("rem") || line.starts_with("::") || line.starts_with('#')
}

/// Text that was typed behind `C:\Windows>`, `PS C:\Windows>`, `PS>` or `>`.
fn after_prompt(line: &str) -> &str {
    if let Some(typed) = line.strip_prefix("PS>").or_else(|| line.strip_prefix('>')) {
        return typed;
    }
    let path = line.strip_prefix("PS ").unwrap_or(line);
    let drive = path.as_bytes();
    let prompt = matches!(drive, [letter, b':', b'\\', ..] if letter.is_ascii_alphabetic());
    match line.split_once('>') {
        Some((before, typed)) if prompt && !before.contains('"') => typed,
        _ => line,
    }
}

fn call(command: &str) -> Option<Call<'_>> {
    let command = before_redirection(command).trim().trim_start_matches(['@', '(']).trim_end_matches(')');
    let mut at = 0;
    for word in command.split_whitespace() {
        at += command[at..].find(word)?;
        // This is an assignment, or a comment.
        if word == "=" || word.starts_with('#') {
            return None;
        }
        let name = word
            .trim_start_matches(['(', '@'])
            .trim_matches('"')
            .rsplit(['\\', '/'])
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let program = match name.strip_suffix(".exe").unwrap_or(&name) {
            "netsh" if !word.contains('=') => Program::Netsh,
            "rpccfg" if !word.contains('=') => Program::Rpccfg,
            // It is only spoken of.
            "echo" | "title" | "echo." => return None,
            _ => {
                at += word.len();
                continue;
            }
        };
        return Some(Call { program, arguments: command[at + word.len()..].trim() });
    }
    None
}

/// The command without `>nul 2>&1`.
fn before_redirection(command: &str) -> &str {
    let mut quoted = false;
    let end = command.find(|c| {
        quoted ^= c == '"';
        !quoted && matches!(c, '>' | '<')
    });
    let Some(end) = end else { return command };
    let kept = &command[..end];
    // The number of what is redirected is no value of the command.
    match kept.strip_suffix(['1', '2']) {
        Some(before) if before.ends_with(char::is_whitespace) => before,
        _ => kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called() {
        for (line, expected) in [
            ("netsh int ipv4 show dynamicport tcp", "int ipv4 show dynamicport tcp"),
            (r#"  @"%SystemRoot%\System32\netsh.exe"  int ip reset  >nul 2>&1"#, "int ip reset"),
            (r"C:\Users\me>netsh int ipv4 show dynamicport tcp", "int ipv4 show dynamicport tcp"),
            (r"PS C:\> netsh int ipv4 reset | Out-Null", "int ipv4 reset"),
            ("PS> netsh int ipv4 show dynamicport tcp", "int ipv4 show dynamicport tcp"),
            (">netsh int ipv4 show dynamicport tcp", "int ipv4 show dynamicport tcp"),
            ("> netsh int ipv4 reset", "int ipv4 reset"),
            ("if errorlevel 1 (netsh int ipv4 reset)", "int ipv4 reset"),
            ("net stop x && NETSH int ipv4 a & netsh int ipv4 b", "int ipv4 a+int ipv4 b"),
            ("sudo rpccfg.exe /pe 5050-5070", "/pe 5050-5070"),
            ("netsh int ipv4 ^\r\n show dynamicport tcp", "int ipv4 ^\r\n show dynamicport tcp"),
            ("match = \"netsh\"", ""),
            ("match=\"bin/netsh\"", ""),
            ("tcp = \"80\"  # netsh (file, line 1)", ""),
            ("rem netsh int ipv4 reset", ""),
            ("@REM netsh int ipv4 reset & netsh int ipv4 reset", ""),
            ("# netsh int ipv4 reset", ""),
            (":: netsh", ""),
            ("echo netsh int ipv4 reset", ""),
            ("the netsharing service", ""),
            ("netsh", ""),
            ("", ""),
        ] {
            let found: Vec<_> = calls(line).map(|call| call.arguments).collect();
            assert_eq!(found.join("+"), expected, "{line}");
        }
    }
}

//! Usage, for somebody who asks how a command goes.

use super::word::words;

/// Each command: what it does, to what, and with which parameters.
const COMMANDS: [(&str, &str, &str); 5] = [
    ("show", "dynamicport", "[protocol=]tcp|udp [[store=]active|persistent]"),
    ("set", "dynamicport", CHANGE),
    ("show", "excludedportrange", "[protocol=]tcp|udp [[store=]active|persistent]"),
    ("add", "excludedportrange", CHANGE),
    ("delete", "excludedportrange", CHANGE),
];
const CHANGE: &str = "[protocol=]tcp|udp [startport=]PORT [numberofports=]COUNT [[store=]active|persistent]";

/// Usage of the commands that a line begins to name, where it ends in a question: `?`, `/?`,
/// `help`.
#[must_use]
pub fn usage(text: &str) -> Option<String> {
    const QUESTIONS: [&str; 4] = ["?", "/?", "-?", "help"];
    let words = words(text);
    let (last, named) = words.split_last()?;
    if !QUESTIONS.iter().any(|question| last.text.eq_ignore_ascii_case(question)) {
        return None;
    }
    let meant = |full: &str| named.iter().any(|word| word.abbreviates(full));
    let verb = COMMANDS.iter().any(|(verb, ..)| meant(verb));
    let object = COMMANDS.iter().any(|(_, object, _)| meant(object));
    let fitting = COMMANDS
        .iter()
        .filter(|(of, to, _)| (!verb || meant(of)) && (!object || meant(to)))
        .map(|(verb, object, values)| format!("Usage: interface ipv4|ipv6 {verb} {object} {values}\n"));
    Some(fitting.collect())
}

#[cfg(test)]
mod tests {
    use super::usage;

    #[test]
    fn questions() {
        let lines = |text: &str| usage(text).map(|usage| usage.lines().count());
        for (text, expected) in [
            ("?", Some(5)),
            ("int ipv4 /?", Some(5)),
            ("interface ipv4 show HELP", Some(2)),
            ("int ipv4 set dynamicport ?", Some(1)),
            ("int ipv4 add ex help", Some(1)),
            ("int ipv4 show dynamicport tcp", None),
            ("", None),
        ] {
            assert_eq!(lines(text), expected, "{text}");
        }
        let set = usage("int ipv4 set dynamicport tcp ?").expect("it is a question");
        assert!(
            set.starts_with("Usage: interface ipv4|ipv6 set dynamicport [protocol=]tcp|udp [startport=]PORT "),
            "{set}"
        );
    }
}

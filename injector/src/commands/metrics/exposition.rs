//! The text formats of metrics: OpenMetrics 1.0, and Prometheus' own, which it began as.

use crate::args::MetricsForm;

/// Kind of a metric.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only ever grows.
    Counter,
    Gauge,
}

/// Samples of one name.
pub(super) struct Family {
    /// The name; that of a counter without `_total`.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
    pub(super) samples: Vec<Sample>,
}

/// A number, and what it is of.
pub(super) struct Sample {
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) value: f64,
}

/// The families as text. The formats differ in what a counter is called before its samples, and in
/// the end.
pub(super) fn written(families: &[Family], form: MetricsForm) -> String {
    let mut text = String::new();
    for Family { name, kind, help, samples } in families {
        let total = if *kind == Kind::Counter { "_total" } else { "" };
        let of_family = if form == MetricsForm::Prometheus { total } else { "" };
        let kind = if *kind == Kind::Counter { "counter" } else { "gauge" };
        text += &format!("# HELP {name}{of_family} {help}\n# TYPE {name}{of_family} {kind}\n");
        for Sample { labels, value } in samples {
            let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            text += &format!("{name}{total}{labels} {value}\n");
        }
    }
    if form == MetricsForm::OpenMetrics {
        text += "# EOF\n";
    }
    text
}

/// A label's value between its quotes.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats() {
        let labels = vec![("program", "a\"b\\c\nd".to_owned())];
        let samples = vec![Sample { labels, value: 3.0 }];
        let family = Family { name: "a_requests", kind: Kind::Counter, help: "Requests.", samples };
        let sample = "a_requests_total{program=\"a\\\"b\\\\c\\nd\"} 3\n";
        for (form, head, end) in
            [(MetricsForm::OpenMetrics, "a_requests", "# EOF\n"), (MetricsForm::Prometheus, "a_requests_total", "")]
        {
            let expected = format!("# HELP {head} Requests.\n# TYPE {head} counter\n{sample}{end}");
            assert_eq!(written(std::slice::from_ref(&family), form), expected);
        }
    }
}

//! The sections in which a policy file holds a system's own settings.

use super::reader::{Reader, Value, in_order};
use crate::config::layer::Layer;
use crate::config::origin::Sourced;
use crate::config::{keys, messages, registry, sysctl};
use crate::model::RangeEnd;
use toml::de::{DeTable, DeValue};

impl Reader<'_> {
    pub(in crate::config) fn windows(&mut self, table: &DeTable<'_>, layer: &mut Layer) {
        for (key, value) in in_order(table) {
            match &**key.get_ref() {
                "max-user-port" => {
                    layer.max_user_port = self.number(value, "windows.max-user-port", messages::max_user_port);
                }
                "reserved-ports" => {
                    let path = "windows.reserved-ports";
                    let DeValue::Array(lines) = value.get_ref() else {
                        self.wrong(
                            value,
                            path,
                            "an array of strings",
                            "reserved-ports = [\"4000-4000\", \"4500-4510\"]",
                        );
                        continue;
                    };
                    for line in lines.iter() {
                        let read = |text: &str| registry::reserved_range(text).map(|range| vec![range]);
                        layer.registry_reserved.extend(self.listed(line, path, read));
                    }
                }
                name => self.unknown(key.span(), name, "[windows]", &keys::WINDOWS.names()),
            }
        }
    }

    pub(in crate::config) fn linux(&mut self, table: &DeTable<'_>, layer: &mut Layer) {
        for (key, value) in in_order(table) {
            match &**key.get_ref() {
                "ip_local_port_range" => {
                    layer.sysctl_range = self.string(value, "linux.ip_local_port_range", |text, origin| {
                        let range = sysctl::local_port_range(text).map_err(|e| messages::spec(origin, text, &e))?;
                        Ok(Sourced::new(range, origin.clone()))
                    });
                }
                "ip_local_reserved_ports" => {
                    let ports = self.listed(value, "linux.ip_local_reserved_ports", sysctl::reserved_ports);
                    layer.sysctl_reserved.extend(ports.filter(|p| !p.value.ports.is_empty()));
                }
                "ip_unprivileged_port_start" => {
                    let path = "linux.ip_unprivileged_port_start";
                    let start = self.number(value, path, messages::unprivileged_start);
                    layer.unprivileged_start = start.and_then(|start| {
                        let port = u16::try_from(start.value);
                        let problem = |_| messages::unprivileged_start(&start.origin, &start.value.to_string());
                        self.keep(port.map_err(problem)).map(|port| Sourced::new(port, start.origin))
                    });
                }
                name => self.unknown(key.span(), name, "[linux]", &keys::LINUX.names()),
            }
        }
    }

    pub(in crate::config) fn freebsd(&mut self, table: &DeTable<'_>, layer: &mut Layer) {
        for (key, value) in in_order(table) {
            let name = &**key.get_ref();
            let path = format!("freebsd.{name}");
            match RangeEnd::ALL.into_iter().find(|end| end.name() == name) {
                Some(end) => {
                    let number = self.number(value, &path, messages::port);
                    layer.range_ends.extend(number.map(|number| Sourced::new((end, number.value), number.origin)));
                }
                None if name == "randomized" => layer.randomized = self.switch(value, &path),
                None => self.unknown(key.span(), name, "[freebsd]", &keys::FREEBSD.names()),
            }
        }
    }

    /// `true`, `false`, or the sysctl's own 1 and 0.
    fn switch(&mut self, value: &Value<'_>, path: &str) -> Option<Sourced<bool>> {
        let on = match value.get_ref() {
            DeValue::Boolean(on) => Some(*on),
            DeValue::Integer(number) => match number.as_str() {
                "0" => Some(false),
                "1" => Some(true),
                _ => None,
            },
            _ => None,
        };
        match on {
            Some(on) => Some(Sourced::new(on, self.source.origin(&value.span(), path))),
            None => {
                self.wrong(value, path, "true or false", keys::example("randomized"));
                None
            }
        }
    }
}

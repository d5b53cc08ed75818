//! What a model's own settings come to: the sections of a policy file, and `--max-user-port`.

use super::host::HostSettings;
use super::layer::Layer;
use super::messages;
use super::origin::{Origin, Sourced};
use super::problem::Problem;
use crate::model::{Model, Preset};
use crate::ports::PortRange;

/// A model with its settings, and where some of them came from.
pub(super) struct Settings {
    pub(super) model: Model,
    /// `ip_unprivileged_port_start`, where a source asks for one that this model heeds.
    pub(super) unprivileged_start: Option<u16>,
}

/// Hears `layers`, the one with the highest precedence first, about the settings of `preset`.
pub(super) fn settings(
    layers: &[Layer],
    host: &HostSettings,
    preset: &'static Preset,
    problems: &mut Vec<Problem>,
) -> Settings {
    of_other_models(layers, preset, problems);
    let mut model = Model {
        preset,
        range: preset.range.unwrap_or(host.port_range),
        max_user_port: max_user_port(layers, preset, problems),
        unprivileged_start: host.unprivileged_start,
        portrange: preset.portrange,
    };
    if let Some(end) = model.max_user_port {
        model.range = PortRange::new(model.range.first(), end).unwrap_or(model.range);
    }
    let mut unprivileged_start = None;
    if preset.sysctls {
        let range = layers.iter().find_map(|layer| layer.sysctl_range.as_ref());
        model.range = range.map_or(model.range, |range| range.value);
        if let Some(start) = layers.iter().find_map(|layer| layer.unprivileged_start.as_ref()) {
            privileged(start, model.range, range.map(|r| &r.origin), host, preset, problems);
            model.unprivileged_start = start.value.max(host.unprivileged_start);
            unprivileged_start = Some(start.value);
        }
    }
    if let Some(portrange) = &mut model.portrange {
        // The highest layer is heard last.
        for layer in layers.iter().rev() {
            for Sourced { value: (end, asked), origin } in &layer.range_ends {
                portrange.set(*end, *asked);
                let taken = portrange.end(*end);
                if u64::from(taken) != *asked {
                    problems.push(messages::range_end(origin, *end, *asked, taken));
                }
            }
            portrange.randomized = layer.randomized.as_ref().map_or(portrange.randomized, |r| r.value);
        }
        model.range = portrange.default_range();
    }
    Settings { model, unprivileged_start }
}

/// The kernel lets no dynamic range begin below the unprivileged ports.
fn privileged(
    start: &Sourced<u16>,
    range: PortRange,
    asked: Option<&Origin>,
    host: &HostSettings,
    preset: &'static Preset,
    problems: &mut Vec<Problem>,
) {
    if range.first() < start.value {
        let own = match preset.range {
            Some(_) => Origin::Preset { name: preset.name, source: preset.source },
            None => Origin::Host { setting: host.range_name },
        };
        problems.push(messages::overlaps_privileged(&start.origin, start.value, range, asked.unwrap_or(&own)));
    }
    if start.value < host.unprivileged_start {
        problems.push(messages::host_keeps_privilege(&start.origin, start.value, host.unprivileged_start));
    }
}

/// The last port of the model's range where that is a setting, and a word where it was clamped.
fn max_user_port(layers: &[Layer], preset: &Preset, problems: &mut Vec<Problem>) -> Option<u16> {
    let valid = preset.max_user_port?;
    let Some(asked) = layers.iter().find_map(|layer| layer.max_user_port.as_ref()) else {
        return preset.range.map(PortRange::last);
    };
    let taken = clamp(asked.value, valid);
    if u64::from(taken) != asked.value {
        problems.push(messages::clamped(&asked.origin, asked.value, valid, taken));
    }
    Some(taken)
}

/// The nearest valid value, as Windows takes it (KB 196271).
pub(super) fn clamp(port: u64, valid: PortRange) -> u16 {
    u16::try_from(port).unwrap_or(u16::MAX).clamp(valid.first(), valid.last())
}

/// Says which parts are about another model than the preset's: a mistake on the command line, worth knowing in a file,
/// which may be made for several.
fn of_other_models(layers: &[Layer], preset: &'static Preset, problems: &mut Vec<Problem>) {
    let has_registry = |p: &Preset| p.max_user_port.is_some();
    let ignored = preset.ignored.as_ref();
    for layer in layers {
        let mut add = |origin: Option<&Origin>, fits: fn(&Preset) -> bool, why: Option<&'static str>| {
            if fits(preset) {
                return;
            }
            let Some(origin) = origin else { return };
            let fitting: Vec<_> = Preset::ALL.iter().filter(|p| fits(p)).map(|p| p.name).collect();
            let (message, help) = messages::other_model(origin, preset, &fitting, why);
            problems.push(match origin {
                Origin::File { .. } => Problem::warning(origin, message, help),
                _ => Problem::error(origin, message, help),
            });
        };
        add(
            layer.max_user_port.as_ref().map(|p| &p.origin),
            has_registry,
            ignored.map(|ignored| ignored.max_user_port),
        );
        add(
            layer.registry_reserved.first().map(|p| &p.origin),
            has_registry,
            ignored.map(|ignored| ignored.reserved_ports),
        );
        let sysctls = |p: &Preset| p.sysctls;
        add(layer.sysctl_range.as_ref().map(|p| &p.origin), sysctls, None);
        add(layer.sysctl_reserved.first().map(|p| &p.origin), sysctls, None);
        add(layer.unprivileged_start.as_ref().map(|p| &p.origin), sysctls, None);
        let portrange = |p: &Preset| p.portrange.is_some();
        add(layer.range_ends.first().map(|p| &p.origin), portrange, None);
        add(layer.randomized.as_ref().map(|p| &p.origin), portrange, None);
    }
}

//! Result of a model's own settings: the sections of a policy file, and `--max-user-port`.

use super::host::HostSettings;
use super::layer::Layer;
use super::origin::{Origin, Sourced};
use super::problem::Problem;
use super::values::Value;
use super::{keys, messages};
use crate::model::{Model, Preset, RangeEnd};
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
        range: preset.range.unwrap_or(host.port_range()),
        max_user_port: max_user_port(layers, preset, problems),
        unprivileged_start: host.unprivileged_start,
        portrange: preset.portrange,
    };
    if let Some(end) = model.max_user_port {
        model.range = PortRange::new(model.range.first(), end).unwrap_or(model.range);
    }
    let mut unprivileged_start = None;
    if preset.sysctls {
        let range = layers.iter().find_map(port_range);
        model.range = range.map_or(model.range, |(range, _)| range);
        if let Some(start) = first(layers, &keys::IP_UNPRIVILEGED_PORT_START) {
            let start = start.map(|start| u16::try_from(*start).unwrap_or(u16::MAX));
            privileged(&start, model.range, range.map(|(_, origin)| origin), host, preset, problems);
            model.unprivileged_start = start.value.max(host.unprivileged_start);
            unprivileged_start = Some(start.value);
        }
    }
    if let Some(portrange) = &mut model.portrange {
        // The highest layer is heard last.
        for layer in layers.iter().rev() {
            for end in RangeEnd::ALL {
                let key = keys::FREEBSD.key(end.into());
                let Some(asked) = key.and_then(|key| layer.wishes.get(key, Value::try_as_number)) else { continue };
                portrange.set(end, asked.value);
                let taken = portrange.end(end);
                if u64::from(taken) != asked.value {
                    problems.push(messages::range_end(&asked.origin, end, asked.value, taken));
                }
            }
            let switch = layer.wishes.get(&keys::RANDOMIZED, Value::try_as_switch);
            portrange.randomized = switch.map_or(portrange.randomized, |switch| switch.value);
        }
        model.range = portrange.default_range();
    }
    Settings { model, unprivileged_start }
}

/// A number of the highest layer that asks for one.
fn first(layers: &[Layer], key: &'static keys::Key) -> Option<Sourced<u64>> {
    layers.iter().find_map(|layer| layer.wishes.get(key, Value::try_as_number))
}

/// The range that a layer's `ip_local_port_range` asks for, and where.
pub(super) fn port_range(layer: &Layer) -> Option<(PortRange, &Origin)> {
    let Sourced { value, origin } = layer.wishes.values(&keys::IP_LOCAL_PORT_RANGE).next()?;
    let Value::Ports(ranges) = value else { return None };
    Some((*ranges.first()?, origin))
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
    let Some(asked) = first(layers, &keys::MAX_USER_PORT) else {
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

/// Says which parts are about another model than the preset's: a mistake on the command line, worth
/// knowing in a file, which may be made for several.
fn of_other_models(layers: &[Layer], preset: &'static Preset, problems: &mut Vec<Problem>) {
    for (layer, section) in layers.iter().flat_map(|layer| keys::MODELS.map(|section| (layer, section))) {
        if (section.fits)(preset) {
            continue;
        }
        let fitting: Vec<_> = Preset::ALL.iter().filter(|p| (section.fits)(p)).map(|p| p.name).collect();
        for (key, asked) in section.keys.iter().filter_map(|key| Some((key, layer.wishes.values(key).next()?))) {
            let why = preset.ignored.iter().find(|(name, _)| *name == key.name).map(|(_, why)| *why);
            let (message, help) = messages::other_model(&asked.origin, preset, &fitting, why);
            problems.push(match asked.origin {
                Origin::File { .. } => Problem::warning(&asked.origin, message, help),
                _ => Problem::error(&asked.origin, message, help),
            });
        }
    }
}

//! `portshim schema`: what a policy file may hold, as a JSON schema, made from the table of keys.

use crate::messages::Failure;
use crate::present;
use portshim_policy::config::keys::{Form, Key, PRESET, SECTIONS, Section};
use portshim_policy::model::Preset;
use portshim_policy::ports::ScopeSet;
use serde_json::{Map, Value, json};

pub(super) fn schema() -> Result<u32, Failure> {
    present::print(&present::json(&whole())).map(|()| 0)
}

fn whole() -> Value {
    let mut schema = section(SECTIONS[0]);
    let head = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "portshim policy",
        "description": format!("A policy file of portshim {}.", env!("CARGO_PKG_VERSION")),
        "definitions": { "spec": spec(), "specs": specs() },
    });
    if let (Some(schema), Value::Object(head)) = (schema.as_object_mut(), head) {
        schema.extend(head);
    }
    schema
}

/// The keys of a section.
fn section(section: &Section) -> Value {
    let keys: Map<String, Value> = section.keys.iter().map(|key| (key.name.to_owned(), described(key))).collect();
    json!({ "type": "object", "description": section.holds, "properties": keys, "additionalProperties": false })
}

/// The value of a key, and what it means.
fn described(key: &Key) -> Value {
    let mut value = value(key);
    if let Some(value) = value.as_object_mut() {
        value.insert("description".into(), format!("{} Its value: {}.", key.meaning, key.value).into());
    }
    value
}

fn value(key: &Key) -> Value {
    match key.form() {
        Form::Word(names) if names.is_empty() => json!({ "type": "string" }),
        Form::Word(mut names) => {
            if *key == PRESET {
                names.extend(Preset::ALL.iter().flat_map(|preset| preset.aliases));
            }
            json!({ "type": "string", "enum": names })
        }
        Form::Number => json!({ "type": "integer", "minimum": 0 }),
        Form::Switch => json!({ "enum": [true, false, 1, 0] }),
        Form::Lines => json!({ "type": "array", "items": { "type": "string" } }),
        Form::Specs => json!({ "allOf": [{ "$ref": "#/definitions/specs" }] }),
        Form::Scopes => {
            let scopes: Map<String, Value> = ScopeSet::NAMES
                .iter()
                .map(|(name, _)| ((*name).to_owned(), json!({ "$ref": "#/definitions/spec" })))
                .collect();
            json!({ "type": "object", "properties": scopes, "additionalProperties": false })
        }
        Form::Table => table(key.name),
    }
}

/// The section that a key stands for.
fn table(name: &str) -> Value {
    let of = SECTIONS.into_iter().find(|section| section.name() == name);
    match of {
        Some(it) if it.heading.starts_with("[[") => json!({ "type": "array", "items": section(it) }),
        Some(it) => section(it),
        None => json!({ "type": "object" }),
    }
}

/// One SPEC.
fn spec() -> Value {
    json!({ "anyOf": [{ "type": "string" }, { "type": "integer", "minimum": 1, "maximum": 65535 }] })
}

/// SPECs in each of their forms.
fn specs() -> Value {
    let apart = json!({
        "type": "object",
        "properties": { "ports": { "$ref": "#/definitions/spec" }, "scope": { "enum": ScopeSet::NAMES.map(|(name, _)| name) } },
        "required": ["ports"],
        "additionalProperties": false,
    });
    let one = json!({ "$ref": "#/definitions/spec" });
    json!({ "anyOf": [one, { "type": "array", "items": { "anyOf": [one, apart] } }] })
}

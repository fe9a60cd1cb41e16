//! Validation of a module's bytes before they are compiled. wasmtime has panicked on some invalid
//! bytes (docs/facts.md, "Wasm"), so it receives only bytes that have passed here.

use sha2::{Digest, Sha256};
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType, ComponentItem};
use wasmparser::types::TypesRef;
use wasmparser::{ComponentExternalKind, ComponentInstance, Instance, Parser, Payload, Validator};

use crate::complexity::{Complexity, ComplexityError};
use crate::contract::{CONTRACT_VERSION, TYPES};
use crate::engine::FEATURES;
use crate::error::LoadError;
use crate::options::Origin;
use crate::{limits, text};

/// The functions of the world `rule`.
const EXPORTS: [&str; 2] = ["describe", "classify"];

/// The bytes of a name that an error shows.
const SHOWN: usize = 120;

/// The bytes of a component with only allowed features, no imports and the right exports. The types
/// of the exports are checked when it is linked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValidatedModule<'a> {
    bytes: &'a [u8],
    digest: [u8; 32],
}

impl<'a> ValidatedModule<'a> {
    pub(crate) fn new(bytes: &'a [u8], origin: Origin) -> Result<Self, LoadError> {
        check_size(bytes, origin)?;
        if Parser::is_core_wasm(bytes) {
            return Err(LoadError::CoreModule);
        }
        if !Parser::is_component(bytes) {
            return Err(LoadError::NotWasm { hint: guess(bytes) });
        }
        // The limits come first: they bound the work of the validator.
        let outline = ComponentOutline::read(bytes, origin)?;
        outline.check_wiring()?;
        let types = Validator::new_with_features(FEATURES)
            .validate_all(bytes)
            .map_err(invalid)?;
        outline.check_memories()?;
        for name in outline.imports {
            check_import(name, types.as_ref())?;
        }
        check_exports(&outline.exports)?;
        Ok(Self {
            bytes,
            digest: Sha256::digest(bytes).into(),
        })
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

fn invalid(error: wasmparser::Error) -> LoadError {
    LoadError::Invalid {
        reason: text::short(error.message(), 400),
        offset: error.offset(),
    }
}

fn guess(bytes: &[u8]) -> &'static str {
    if bytes.is_empty() {
        ": it is empty"
    } else if bytes.trim_ascii_start().starts_with(b"(") {
        ", but perhaps its text format: convert it with `wasm-tools parse`"
    } else {
        ": it does not begin with `\\0asm` and a known version"
    }
}

/// The imports and exports of a component's top level, and the counts of everything nested in it.
#[derive(Debug, Default)]
struct ComponentOutline<'a> {
    imports: Vec<&'a str>,
    exports: Vec<(&'a str, ComponentExternalKind)>,
    modules: usize,
    components: usize,
    component_instances: usize,
    core_instances: usize,
    memories: usize,
    tables: usize,
    /// The bytes of sections of components, without custom sections.
    wiring: usize,
}

impl<'a> ComponentOutline<'a> {
    /// Reads the bytes once. The functions of our own modules are not counted, since their
    /// complexity is known.
    fn read(bytes: &'a [u8], origin: Origin) -> Result<Self, LoadError> {
        let mut outline = Self::default();
        let mut depth = 0_usize;
        let mut complexity = match origin {
            Origin::HandWritten => Some(Complexity::default()),
            Origin::Compiled => None,
        };
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(invalid)?;
            if let Some(complexity) = &mut complexity {
                count(complexity, &payload)?;
            }
            outline.wiring += wiring(&payload);
            match payload {
                Payload::ModuleSection { .. } => {
                    depth += 1;
                    outline.modules += 1;
                }
                Payload::ComponentSection { .. } => {
                    depth += 1;
                    outline.components += 1;
                }
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        outline.imports.push(import.map_err(invalid)?.name.name);
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        let export = export.map_err(invalid)?;
                        outline.exports.push((export.name.name, export.kind));
                    }
                }
                Payload::ComponentInstanceSection(section) => {
                    for instance in section {
                        if let ComponentInstance::Instantiate { .. } = instance.map_err(invalid)? {
                            outline.component_instances += 1;
                        }
                    }
                }
                Payload::InstanceSection(section) => {
                    for instance in section {
                        if let Instance::Instantiate { .. } = instance.map_err(invalid)? {
                            outline.core_instances += 1;
                        }
                    }
                }
                Payload::MemorySection(section) => outline.memories += section.count() as usize,
                Payload::TableSection(section) => outline.tables += section.count() as usize,
                _ => {}
            }
        }
        Ok(outline)
    }

    fn check_wiring(&self) -> Result<(), LoadError> {
        at_most([
            ("core modules", self.modules, limits::MAX_CORE_MODULES),
            (
                "nested components",
                self.components,
                limits::MAX_NESTED_COMPONENTS,
            ),
            (
                "instances of components",
                self.component_instances,
                limits::MAX_COMPONENT_INSTANCES,
            ),
            (
                "core instances",
                self.core_instances,
                limits::MAX_CORE_INSTANCES as usize,
            ),
            (
                "bytes of types and instances",
                self.wiring,
                limits::MAX_WIRING_BYTES,
            ),
        ])
    }

    fn check_memories(&self) -> Result<(), LoadError> {
        at_most([
            ("memories", self.memories, limits::MAX_MEMORIES as usize),
            ("tables", self.tables, limits::MAX_TABLES as usize),
        ])
    }
}

/// Checks numbers of parts against their limits.
fn at_most<const N: usize>(parts: [(&'static str, usize, usize); N]) -> Result<(), LoadError> {
    match parts.into_iter().find(|(_, found, limit)| found > limit) {
        Some((what, found, limit)) => Err(LoadError::TooManyParts { what, found, limit }),
        None => Ok(()),
    }
}

/// Counts what makes a module complex.
fn count(complexity: &mut Complexity, payload: &Payload<'_>) -> Result<(), LoadError> {
    let counted = match payload {
        Payload::Version { .. } => {
            complexity.module();
            Ok(())
        }
        Payload::TypeSection(section) => section
            .clone()
            .into_iter_err_on_gc_types()
            .try_for_each(|ty| complexity.function_type(&ty?)),
        Payload::CodeSectionEntry(body) => complexity.function(body),
        _ => Ok(()),
    };
    counted.map_err(|refusal| match refusal {
        ComplexityError::Malformed(error) => invalid(error),
        ComplexityError::TooComplex(error) => error,
    })
}

/// Returns the bytes of a section of a component, or 0 for a section of a core module.
fn wiring(payload: &Payload<'_>) -> usize {
    let range = match payload {
        Payload::CoreTypeSection(section) => section.range(),
        Payload::InstanceSection(section) => section.range(),
        Payload::ComponentInstanceSection(section) => section.range(),
        Payload::ComponentAliasSection(section) => section.range(),
        Payload::ComponentTypeSection(section) => section.range(),
        Payload::ComponentCanonicalSection(section) => section.range(),
        Payload::ComponentImportSection(section) => section.range(),
        Payload::ComponentExportSection(section) => section.range(),
        _ => 0..0,
    };
    range.len()
}

fn check_size(bytes: &[u8], origin: Origin) -> Result<(), LoadError> {
    if bytes.len() <= limits::MAX_RULE_BYTES {
        return Ok(());
    }
    Err(LoadError::TooLarge {
        bytes: bytes.len(),
        limit: limits::MAX_RULE_BYTES,
        hint: match origin {
            Origin::HandWritten => {
                ": strip it of debug information, or build it with `opt-level = \"s\"`"
            }
            Origin::Compiled => "",
        },
    })
}

/// Checks the size and the functions of a core module that is to become a component.
pub(crate) fn check_core(bytes: &[u8]) -> Result<(), LoadError> {
    check_size(bytes, Origin::HandWritten)?;
    let mut complexity = Complexity::default();
    for payload in Parser::new(0).parse_all(bytes) {
        count(&mut complexity, &payload.map_err(invalid)?)?;
    }
    Ok(())
}

/// Checks an import. A component may import only the contract's own `types`, if that is an
/// interface of nothing but types. This import states the version of the contract and gives nothing
/// at run time. Names for plain types are allowed for the same reason.
fn check_import(name: &str, types: TypesRef<'_>) -> Result<(), LoadError> {
    let item = types.component_item_for_import(name);
    // Some encoders write the `use` of the world as names of its own for those types.
    if item.is_some_and(|item| is_type(item.ty)) {
        return Ok(());
    }
    let only_types = item.is_some_and(|item| is_types(item, types));
    match name
        .strip_prefix(TYPES)
        .and_then(|rest| rest.strip_prefix('@'))
    {
        Some(version) if only_types => check_version(version),
        _ => Err(LoadError::Import {
            name: text::short(name, SHOWN),
            hint: if name.starts_with("wasi:") {
                ": build it for wasm32-unknown-unknown, or with the WASI stubs of its language's tool (`--stub-wasi`)"
            } else {
                ": all its data comes with the batch"
            },
        }),
    }
}

fn is_types(item: &ComponentItem, types: TypesRef<'_>) -> bool {
    let ComponentEntityType::Instance(id) = item.ty else {
        return false;
    };
    types
        .get(id)
        .is_some_and(|instance| (instance.exports.values()).all(|export| is_type(export.ty)))
}

/// Returns true for a plain type, which does not exist at run time.
fn is_type(entity: ComponentEntityType) -> bool {
    match entity {
        ComponentEntityType::Type { referenced, .. } => {
            !matches!(referenced, ComponentAnyTypeId::Resource(_))
        }
        _ => false,
    }
}

/// Checks the version of the contract. Before 1.0 a minor version is a contract of its own, and a
/// patch version changes words only (`wit/cohort.wit`).
fn check_version(found: &str) -> Result<(), LoadError> {
    let minor = |version: &str| version.rsplit_once('.').map(|(minor, _)| minor.to_owned());
    if minor(found) == minor(CONTRACT_VERSION) {
        Ok(())
    } else {
        Err(LoadError::Version {
            found: text::short(found, SHOWN),
        })
    }
}

fn check_exports(exports: &[(&str, ComponentExternalKind)]) -> Result<(), LoadError> {
    for wanted in EXPORTS {
        match exports.iter().find(|(name, _)| *name == wanted) {
            Some((_, ComponentExternalKind::Func)) => {}
            Some(_) => {
                return Err(LoadError::WrongType {
                    reason: format!("`{wanted}` is not a function"),
                });
            }
            None => return Err(LoadError::MissingExport { name: wanted }),
        }
    }
    // An exported type is only a name.
    let extra = |(name, kind): &&(&str, ComponentExternalKind)| {
        !EXPORTS.contains(name) && *kind != ComponentExternalKind::Type
    };
    match exports.iter().find(extra) {
        Some((name, _)) => Err(LoadError::ExtraExport {
            name: text::short(name, SHOWN),
        }),
        None => Ok(()),
    }
}

//! Validation of a module's bytes before they are compiled. wasmtime has panicked on some invalid
//! bytes (docs/facts.md, "Wasm"), so it receives only bytes that have passed here.

use sha2::{Digest, Sha256};
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType, ComponentItem};
use wasmparser::types::TypesRef;
use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, Instance, Parser, Payload, Validator,
};

use crate::ceilings::Ceilings;
use crate::complexity::{Complexity, ComplexityError};
use crate::contract::{CONTRACT_VERSION, TYPES};
use crate::engine::FEATURES;
use crate::error::{LoadError, NESTED_COMPONENTS};
use crate::options::Origin;
use crate::{limits, seal, text};

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
    pub(crate) fn new(
        bytes: &'a [u8],
        origin: Origin,
        ceilings: &Ceilings,
    ) -> Result<Self, LoadError> {
        check_form(bytes, origin, ceilings)?;
        // The limits come first: they bound the work of the validator.
        let outline = ComponentOutline::read(bytes, origin)?;
        outline.check_wiring(ceilings)?;
        let types = Validator::new_with_features(FEATURES)
            .validate_all(bytes)
            .map_err(|error| unsealed(error, bytes))?;
        outline.check_memories()?;
        for name in outline.imports {
            check_import(name, types.as_ref(), bytes)?;
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

/// Checks that bytes begin like a component of an allowed size.
fn check_form(bytes: &[u8], origin: Origin, ceilings: &Ceilings) -> Result<(), LoadError> {
    check_size(bytes, origin, ceilings)?;
    if Parser::is_core_wasm(bytes) {
        return Err(LoadError::CoreModule);
    }
    match Parser::is_component(bytes) {
        true => Ok(()),
        false => Err(LoadError::NotWasm { hint: guess(bytes) }),
    }
}

fn invalid(error: wasmparser::Error) -> LoadError {
    LoadError::Invalid {
        reason: text::short(error.message(), 400),
        offset: error.offset(),
    }
}

/// Returns the error of the validator. A component with async functions was not built as its tool
/// builds sealed ones.
fn unsealed(error: wasmparser::Error, bytes: &[u8]) -> LoadError {
    match (error.message().contains("async"), seal::flag(bytes)) {
        (true, Some(flag)) => LoadError::Invalid {
            reason: format!("{}{flag}", text::short(error.message(), 400)),
            offset: error.offset(),
        },
        _ => invalid(error),
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

/// Reads the outline of a component, which may be one that is refused.
pub(crate) fn outline<'a>(
    bytes: &'a [u8],
    ceilings: &Ceilings,
) -> Result<ComponentOutline<'a>, LoadError> {
    check_form(bytes, Origin::HandWritten, ceilings)?;
    ComponentOutline::read(bytes, Origin::HandWritten)
}

/// The imports and exports of a component's top level, and the counts of everything nested in it.
#[derive(Debug, Default)]
pub(crate) struct ComponentOutline<'a> {
    pub(crate) imports: Vec<&'a str>,
    pub(crate) exports: Vec<(&'a str, ComponentExternalKind)>,
    pub(crate) modules: usize,
    pub(crate) components: usize,
    /// The instances of nested components in one instance of this component, with those within
    /// each.
    component_instances: usize,
    /// Components that others receive as arguments. What these instantiate could not be counted.
    passed_components: usize,
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
        let mut instances = InstanceCount::default();
        // The depths of the components that are being read.
        let mut nested = Vec::new();
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
                    instances.begin();
                    nested.push(depth);
                }
                Payload::End(_) => {
                    if nested.pop_if(|component| *component == depth).is_some() {
                        instances.end();
                    }
                    depth = depth.saturating_sub(1);
                }
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
                        if let ComponentInstance::Instantiate { args, .. } =
                            instance.map_err(invalid)?
                        {
                            instances.instantiate();
                            let component = |kind| kind == ComponentExternalKind::Component;
                            outline.passed_components +=
                                args.iter().filter(|arg| component(arg.kind)).count();
                        }
                    }
                }
                Payload::ComponentAliasSection(section) => {
                    for alias in section {
                        if let ComponentAlias::InstanceExport {
                            kind: ComponentExternalKind::Component,
                            ..
                        } = alias.map_err(invalid)?
                        {
                            outline.passed_components += 1;
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
        outline.component_instances = instances.total();
        Ok(outline)
    }

    /// Returns the version of the contract that the component names.
    pub(crate) fn contract(&self) -> Option<&'a str> {
        let version = |name: &&'a str| name.strip_prefix(TYPES)?.strip_prefix('@');
        self.imports.iter().find_map(version)
    }

    fn check_wiring(&self, ceilings: &Ceilings) -> Result<(), LoadError> {
        at_most([
            ("core modules", self.modules, limits::MAX_CORE_MODULES),
            (
                NESTED_COMPONENTS,
                self.components,
                ceilings.nested_components,
            ),
            (
                "instances of components",
                self.component_instances,
                limits::MAX_COMPONENT_INSTANCES,
            ),
            ("components that others receive", self.passed_components, 0),
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

/// A count of the instances that one instance of a component makes, over all levels. It is an upper
/// bound: each instantiation counts as that of the component with the most instances so far.
#[derive(Debug)]
struct InstanceCount {
    /// The instances within each of the components that are being read, the outermost first.
    open: Vec<usize>,
    /// The most instances that one instantiation of a component that was read can make.
    most: usize,
}

impl Default for InstanceCount {
    fn default() -> Self {
        Self {
            open: vec![0],
            most: 1,
        }
    }
}

impl InstanceCount {
    fn begin(&mut self) {
        self.open.push(0);
    }

    fn end(&mut self) {
        let within = self.open.pop().unwrap_or_default();
        self.most = self.most.max(within.saturating_add(1));
    }

    fn instantiate(&mut self) {
        if let Some(within) = self.open.last_mut() {
            *within = within.saturating_add(self.most);
        }
    }

    fn total(&self) -> usize {
        self.open
            .iter()
            .fold(0, |sum, within| sum.saturating_add(*within))
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

fn check_size(bytes: &[u8], origin: Origin, ceilings: &Ceilings) -> Result<(), LoadError> {
    let limit = match origin {
        Origin::HandWritten => ceilings.size,
        Origin::Compiled => limits::MAX_RULE_BYTES,
    };
    if bytes.len() <= limit {
        return Ok(());
    }
    Err(LoadError::TooLarge {
        bytes: bytes.len(),
        limit,
        hint: match origin {
            Origin::HandWritten => {
                ": strip it of debug information, build it with `opt-level = \"s\"`, or grant more with `rules: {size: …}` in muster.yaml"
            }
            Origin::Compiled => "",
        },
    })
}

/// Checks the size and the functions of a core module that is to become a component.
pub(crate) fn check_core(bytes: &[u8]) -> Result<(), LoadError> {
    check_size(bytes, Origin::HandWritten, &Ceilings::default())?;
    let mut complexity = Complexity::default();
    for payload in Parser::new(0).parse_all(bytes) {
        count(&mut complexity, &payload.map_err(invalid)?)?;
    }
    Ok(())
}

/// Checks an import. A component may import only the contract's own `types`, if that is an
/// interface of nothing but types. This import states the version of the contract and gives nothing
/// at run time. Names for plain types are allowed for the same reason.
fn check_import(name: &str, types: TypesRef<'_>, bytes: &[u8]) -> Result<(), LoadError> {
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
            hint: seal::hint(name, bytes),
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
    // The host takes only these two from an instance, so no other export is ever called or read.
    // What an export names could as well be called by the two. Tools leave such exports: `init`
    // (`jco`),
    // `exports` (`componentize-py`). An exported type is only a name.
    let extra = |(name, kind): &&(&str, ComponentExternalKind)| {
        !EXPORTS.contains(name) && *kind != ComponentExternalKind::Type
    };
    let extra = exports.iter().filter(extra).count();
    at_most([(
        "exports beside `describe` and `classify`",
        extra,
        limits::MAX_EXTRA_EXPORTS,
    )])
}

//! The page `docs/limits.md`, made from the constants. It lists the limits that users meet: the
//! number, what happens at the limit, and how to change it.

use std::fmt::Write;
use std::time::Duration;

use muster_compiler as compiler;
use muster_definition::limits as definition;
use muster_engine as engine;
use muster_ingest::http::limits as http;
use muster_ingest::limits as line;
use muster_model::{CohortId, number};
use muster_publish as publish;
use muster_sandbox::limits as sandbox;
use muster_service::limits as service;
use muster_store as store;

const INTRODUCTION: &str = "\
# Limits

The limits of Muster that users meet, what happens at each, and how to change it.
`muster schema --limits` prints this page from the constants in the code, where each has its arithmetic.
A limit that is \"fixed\" can be changed only in the code.";

/// The limits of one kind.
struct Section {
    heading: &'static str,
    about: &'static str,
    limits: Vec<Limit>,
}

/// A limit: one row of the page.
struct Limit {
    what: &'static str,
    most: String,
    at_it: &'static str,
    change: &'static str,
}

const FIXED: &str = "fixed";

/// Returns the page, in Markdown.
pub(crate) fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for Section {
        heading,
        about,
        limits,
    } in [
        definitions(),
        modules(),
        users(),
        lines(),
        requests(),
        control(),
        history(),
        runs(),
        messages(),
    ] {
        // Prose has one sentence a line.
        let about = about.replace(". ", ".\n");
        let _ = write!(
            page,
            "\n\n## {heading}\n\n{about}\n\n| limit | most | what happens at it | to change it |\n|---|---|---|---|"
        );
        for limit in limits {
            let Limit {
                what,
                most,
                at_it,
                change,
            } = limit;
            let _ = write!(page, "\n| {what} | {most} | {at_it} | {change} |");
        }
    }
    page.push('\n');
    page
}

/// Returns a limit that only a change of the code can move.
fn fixed(what: &'static str, most: String, at_it: &'static str) -> Limit {
    Limit {
        what,
        most,
        at_it,
        change: FIXED,
    }
}

/// Returns a limit that the operator may raise in `muster.yaml`.
fn granted(what: &'static str, most: String, at_it: &'static str, change: &'static str) -> Limit {
    Limit {
        what,
        most,
        at_it,
        change,
    }
}

fn definitions() -> Section {
    const REFUSED: &str = "the definition is refused, with the place";
    Section {
        heading: "Definitions",
        about: "These limits are far above what authors write. They bound the cost of reading and compiling a file.",
        limits: vec![
            fixed("a file", bytes(definition::FILE_BYTES), REFUSED),
            fixed("depth of lists and maps", count(definition::DEPTH), REFUSED),
            fixed(
                "clauses of a definition with those of the cohorts that it uses",
                count(definition::CLAUSES),
                REFUSED,
            ),
            fixed(
                "text of a definition with all cohorts that it uses",
                bytes(definition::LINKED_BYTES),
                REFUSED,
            ),
            Limit {
                what: "values of one `any_of` or `none_of`",
                most: count(definition::VALUES),
                at_it: REFUSED,
                change: "for user ids use `members:`",
            },
            fixed(
                "event names of one `did`",
                count(definition::EVENT_NAMES),
                REFUSED,
            ),
            fixed(
                "properties of one map",
                count(definition::PROPERTIES),
                REFUSED,
            ),
            fixed(
                "steps of one `did_in_order` or `in_any_order`",
                count(definition::STEPS),
                REFUSED,
            ),
            fixed(
                "events of one `without`",
                count(definition::WITHOUT),
                REFUSED,
            ),
            fixed(
                "spans of one `regularly`",
                number(definition::SPANS.into()),
                REFUSED,
            ),
            fixed(
                "patterns of a definition",
                count(definition::PATTERNS),
                REFUSED,
            ),
            fixed(
                "the table of one pattern",
                bytes(definition::PATTERN_BYTES),
                REFUSED,
            ),
            Limit {
                what: "ids of one static list",
                most: count(definition::MEMBERS),
                at_it: REFUSED,
                change: "make it a property of the user",
            },
            fixed(
                "destinations of a cohort",
                count(definition::DESTINATIONS),
                REFUSED,
            ),
            fixed(
                "user properties of a sync",
                count(definition::SYNCED_PROPERTIES),
                REFUSED,
            ),
            fixed(
                "a cohort's id",
                format!("{} characters", CohortId::MAX_LENGTH),
                REFUSED,
            ),
            fixed("a duration", days(definition::DURATION_MS), REFUSED),
        ],
    }
}

fn modules() -> Section {
    const REFUSED: &str = "the rule is refused; its cohorts keep their members";
    Section {
        heading: "Modules and rules",
        about: "The resources of a compiled module or a hand-written rule. Cohorts that would make a module too large are \
                compiled to several modules.",
        limits: vec![
            granted(
                "a module",
                bytes(sandbox::MAX_RULE_BYTES),
                REFUSED,
                "rules written by hand: `rules: {size: …}`, up to 128 MiB",
            ),
            fixed(
                "tables of a rule",
                number(sandbox::MAX_TABLES.into()),
                REFUSED,
            ),
            fixed(
                "elements of a table",
                count(sandbox::MAX_TABLE_ELEMENTS),
                REFUSED,
            ),
            fixed(
                "core instances of a rule",
                number(sandbox::MAX_CORE_INSTANCES.into()),
                REFUSED,
            ),
            granted(
                "components inside a rule",
                count(sandbox::MAX_NESTED_COMPONENTS),
                REFUSED,
                "`rules: {nested_components: …}`, up to 64",
            ),
            fixed(
                "instances of components inside a rule",
                count(sandbox::MAX_COMPONENT_INSTANCES),
                REFUSED,
            ),
            fixed(
                "exports beside the contract's",
                count(sandbox::MAX_EXTRA_EXPORTS),
                REFUSED,
            ),
            fixed(
                "code and data of the cohorts of one compiled module",
                bytes(compiler::MAX_MODULE_BYTES),
                "they are compiled to two modules",
            ),
            fixed(
                "code and data of one cohort in its module",
                bytes(compiler::MAX_COHORT_BYTES),
                "the cohort is refused, and the error names its largest part; the other cohorts are not affected",
            ),
            fixed(
                "functions of a rule",
                count(sandbox::MAX_FUNCTIONS),
                REFUSED,
            ),
            fixed("a function", bytes(sandbox::MAX_FUNCTION_BYTES), REFUSED),
            fixed(
                "locals of a function",
                count(sandbox::MAX_FUNCTION_LOCALS),
                REFUSED,
            ),
            fixed(
                "depth of blocks of a function",
                count(sandbox::MAX_NESTING),
                REFUSED,
            ),
            fixed(
                "blocks of a function",
                count(sandbox::MAX_FUNCTION_BLOCKS),
                REFUSED,
            ),
            fixed(
                "branch targets of a function",
                count(sandbox::MAX_FUNCTION_TARGETS),
                REFUSED,
            ),
            fixed("locals of a rule", count(sandbox::MAX_LOCALS), REFUSED),
            fixed(
                "branch targets of a rule",
                count(sandbox::MAX_TARGETS),
                REFUSED,
            ),
            fixed("types of a rule", count(sandbox::MAX_TYPES), REFUSED),
            fixed(
                "processor time to compile a hand-written rule",
                seconds(sandbox::COMPILE_TIME),
                "compiling stops; the rule is refused",
            ),
            fixed(
                "memory to compile a hand-written rule",
                bytes_64(sandbox::COMPILE_MEMORY_BYTES),
                "compiling stops; the rule is refused",
            ),
            fixed(
                "a compiled rule",
                bytes_64(sandbox::MAX_ARTEFACT_BYTES),
                REFUSED,
            ),
            fixed(
                "the description of a rule",
                bytes(sandbox::MAX_DESCRIPTION_BYTES),
                REFUSED,
            ),
            fixed("cohorts of a module", count(sandbox::MAX_COHORTS), REFUSED),
            fixed("streams of a module", count(sandbox::MAX_STREAMS), REFUSED),
            fixed(
                "time for a rule to describe itself",
                seconds(sandbox::DESCRIBE_TIME),
                REFUSED,
            ),
            granted(
                "time for a hand-written rule over a batch",
                seconds(sandbox::CLASSIFY_TIME),
                "the call ends; the batch is split until each failing user is alone, and these users keep their membership",
                "`rules: {time: …}`, up to 10 minutes",
            ),
            granted(
                "memory of an instance",
                bytes(sandbox::MAX_MEMORY_BYTES),
                "as above",
                "rules written by hand: `rules: {memory: …}`, up to 1 GiB",
            ),
            fixed(
                "stack of a rule",
                bytes(sandbox::MAX_STACK_BYTES),
                "as above",
            ),
            fixed(
                "cached machine code of modules in the store's folder",
                bytes_64(sandbox::MAX_CACHE_BYTES),
                "the oldest files are deleted, and the modules are compiled again when needed",
            ),
        ],
    }
}

fn users() -> Section {
    Section {
        heading: "Users that a module fails for",
        about: "A user whose evaluation fails keeps the membership and is evaluated again after 1, 2, 4, … minutes.",
        limits: vec![
            fixed(
                "columns of a batch of users",
                bytes(sandbox::MAX_BATCH_BYTES),
                "the batch is split; a single user with more is evaluated in a larger instance, one such user at a time",
            ),
            Limit {
                what: "memory of the larger instance for a single user",
                most: bytes(sandbox::MAX_LARGE_MEMORY_BYTES),
                at_it: "the user is skipped, and `status` names the user",
                change: "on a machine with less than 4 GiB it is a quarter of the memory",
            },
            fixed(
                "columns of a single user",
                bytes(sandbox::MAX_LARGE_BATCH_BYTES),
                "as above",
            ),
            fixed(
                "first wait",
                seconds(Duration::from_millis(
                    engine::failures::RETRY_FIRST.unsigned_abs(),
                )),
                "it doubles with each failure",
            ),
            fixed(
                "doublings of the wait",
                number(engine::failures::RETRY_DOUBLINGS.into()),
                "the wait stays about 17 hours",
            ),
            fixed(
                "time of failed calls in a run",
                seconds(engine::search::FAILURE_TIME),
                "other users of failing batches are evaluated first in the next run",
            ),
            fixed(
                "time of failed calls in a run, for users who failed before",
                seconds(engine::search::RETRY_TIME),
                "the others are evaluated in a later run",
            ),
        ],
    }
}

fn lines() -> Section {
    const MALFORMED: &str = "the event is malformed";
    const LEFT_OUT: &str = "the rest is left out and counted";
    Section {
        heading: "Events",
        about: "The size of one event, from any source.",
        limits: vec![
            fixed("a line of a file", bytes(line::MAX_LINE), MALFORMED),
            fixed("a user id", bytes(line::MAX_USER_ID), MALFORMED),
            fixed("an event type", bytes(line::MAX_EVENT_TYPE), MALFORMED),
            fixed(
                "a property's name, dots included",
                bytes(line::MAX_PROPERTY_NAME),
                "the property is left out and counted",
            ),
            fixed("a text", bytes(line::MAX_TEXT), "it is cut and counted"),
            fixed(
                "properties of an event",
                count(line::MAX_PROPERTIES),
                LEFT_OUT,
            ),
            fixed("elements of a list", count(line::MAX_ELEMENTS), LEFT_OUT),
            fixed(
                "depth of objects and lists",
                count(line::MAX_DEPTH),
                MALFORMED,
            ),
            Limit {
                what: "malformed lines of a file",
                most: format!("{} %", muster_project::config::MAX_MALFORMED),
                at_it: "the file is not imported",
                change: "`max_malformed:` of the source, `--max-malformed` of `import`",
            },
            fixed(
                "distinct event names",
                number(store::MAX_EVENT_NAMES.into()),
                "a new name is refused; HTTP answers 400",
            ),
            fixed(
                "distinct event properties",
                number(store::MAX_EVENT_PROPERTIES.into()),
                "an event with a new one is refused; HTTP answers 400",
            ),
            fixed(
                "distinct user properties, counted by operation",
                number(store::MAX_USER_PROPERTIES.into()),
                "an event with a new one is refused; HTTP answers 400",
            ),
        ],
    }
}

fn requests() -> Section {
    const TOO_LARGE: &str = "413";
    const BUSY: &str = "429 with `Retry-After`";
    Section {
        heading: "HTTP source",
        about: "The answers are those of the vendor's API, so that the vendor's SDKs retry where a retry helps.",
        limits: vec![
            fixed(
                "body of `/2/httpapi` and `/identify`, unpacked",
                bytes(http::MAX_BODY),
                TOO_LARGE,
            ),
            fixed(
                "body of `/batch`, unpacked",
                bytes(http::MAX_BATCH_BODY),
                TOO_LARGE,
            ),
            fixed("events of a request", count(http::MAX_EVENTS), TOO_LARGE),
            fixed(
                "bytes of all requests under way",
                bytes(http::BYTES_IN_FLIGHT),
                BUSY,
            ),
            fixed(
                "a small request, with its decoded form",
                bytes(http::SMALL_REQUEST),
                "it counts as a large request",
            ),
            fixed(
                "the part of these bytes that only small requests may use",
                bytes(http::BYTES_FOR_SMALL),
                "larger requests get 429",
            ),
            fixed(
                "bytes of the requests of one address",
                bytes(http::BYTES_OF_PEER),
                BUSY,
            ),
            Limit {
                what: "connections",
                most: count(http::MAX_CONNECTIONS),
                at_it: "a new one takes the place of one without a request, or waits",
                change: "`LimitNOFILE` of the unit: there are fewer where the limit of open files allows fewer",
            },
            fixed(
                "connections of one address",
                "three quarters of all".to_owned(),
                "one more is closed",
            ),
            fixed(
                "bytes that must arrive of a body in each interval of the next line",
                bytes(http::PACE_BYTES),
                "408",
            ),
            fixed(
                "the interval in which the progress of a body is checked",
                seconds(http::PACE_TIME),
                "as above",
            ),
            fixed(
                "time in which a client reads nothing of an answer",
                seconds(http::WRITE_TIME),
                "the connection is closed",
            ),
            fixed("head of a request", bytes(http::MAX_HEAD), "431"),
            fixed("headers of a request", count(http::MAX_HEADERS), "431"),
            fixed(
                "time to send a head, and between requests",
                seconds(http::HEAD_TIME),
                "the connection is closed",
            ),
            fixed("time to send a body", seconds(http::BODY_TIME), "408"),
        ],
    }
}

fn history() -> Section {
    Section {
        heading: "Store",
        about: "The store is a folder on one machine.",
        limits: vec![
            fixed(
                "the database file",
                bytes_64(store::StoreOptions::default().map_size),
                "writes fail as on a full disk: HTTP answers 503, runs are made again, memberships stay",
            ),
            fixed("users", number(u32::MAX.into()), "a new user is refused"),
            fixed(
                "texts that are stored once, as a number",
                number(store::MAX_TEXTS.into()),
                "further texts are stored in each block: more disk, the same answers",
            ),
            fixed(
                "texts of one property that are stored once, as a number",
                number(store::MAX_TEXTS_PER_PROPERTY.into()),
                "as above",
            ),
            fixed(
                "insert ids by which duplicates are found when they arrive",
                format!(
                    "{}, and those of {} days",
                    number(store::MAX_INSERT_IDS),
                    store::INSERT_ID_WINDOW / (24 * 60 * 60 * 1000)
                ),
                "the oldest are dropped; events with those are duplicates only if name and instant agree",
            ),
            Limit {
                what: "events that retention drops at once",
                most: format!("{} % of all", store::PRUNE_PERCENT),
                at_it: "nothing is dropped, and `status` says so",
                change: "`muster prune --anyway`",
            },
            Limit {
                what: "run records of a cohort",
                most: number(store::MAX_RECORDS),
                at_it: "the oldest are deleted",
                change: "`run_records:` keeps fewer",
            },
        ],
    }
}

fn runs() -> Section {
    let guard = engine::Guard::default();
    Section {
        heading: "Runs",
        about: "The part of a run that is in memory, and the runs that wait for approval.",
        limits: vec![
            fixed(
                "users of a chunk",
                count(engine::CHUNK_USERS),
                "the next chunk begins",
            ),
            fixed(
                "messages of a commit",
                bytes_64(engine::COMMIT_BYTES),
                "the next commit begins",
            ),
            Limit {
                what: "entries and exits of a run",
                most: format!(
                    "{} % of a cohort of more than {}",
                    guard.percent,
                    number(guard.members)
                ),
                at_it: "the run is held until it is approved or rejected",
                change: "`guard:`",
            },
        ],
    }
}

fn control() -> Section {
    const IDLE: &str = "one more takes the place of an idle connection, or waits";
    Section {
        heading: "Control API, metrics and health",
        about: "The service's own servers. Connections from outside get only the open files that these and the rest of the service leave.",
        limits: vec![
            fixed(
                "connections to the control socket",
                count(service::CONTROL_CONNECTIONS),
                IDLE,
            ),
            fixed(
                "body of a control request",
                bytes(service::MAX_CONTROL_BODY),
                "the request is refused",
            ),
            fixed(
                "members of a page",
                count(service::MAX_PAGE_MEMBERS),
                "the answer has the beginning of the next page",
            ),
            fixed(
                "connections for metrics and health",
                count(service::OPERATIONS_CONNECTIONS),
                IDLE,
            ),
            Limit {
                what: "open files",
                most: "the system's hard limit".to_owned(),
                at_it: "`http` sources get fewer connections, at least 16 each",
                change: "`ulimit -Hn`, or `LimitNOFILE=` of the unit",
            },
        ],
    }
}

fn messages() -> Section {
    Section {
        heading: "Messages",
        about: "Kinesis sets most of these.",
        limits: vec![
            fixed(
                "a message",
                bytes(engine::payload::MESSAGE_SIZE),
                "the next users are in another message",
            ),
            fixed(
                "a message to Kinesis, with its key",
                bytes(publish::MAX_RECORD),
                "a dead letter; only a user with very large properties makes one",
            ),
            fixed(
                "messages that a drain holds",
                bytes(publish::WINDOW_BYTES),
                "the others wait in the outbox",
            ),
            fixed(
                "messages refused in a row",
                count(publish::MOST_REFUSED_IN_A_ROW),
                "the destination is at fault, and the messages stay in the outbox",
            ),
            fixed(
                "dead letters of one answer",
                count(muster_service::queries::MAX_DEAD_LETTERS),
                "the answer says that there are more",
            ),
            fixed(
                "a destination's name",
                bytes(store::MAX_DESTINATION),
                "muster.yaml is refused",
            ),
            fixed(
                "fetching AWS credentials, for example by a `credential_process`",
                seconds(muster_aws::CREDENTIALS_TIMEOUT),
                "the call is tried again",
            ),
            fixed(
                "waiting for the metadata server of an instance",
                seconds(muster_aws::METADATA_TIMEOUT),
                "the machine counts as one without a role",
            ),
        ],
    }
}

fn count(most: usize) -> String {
    number(most as u64)
}

/// Formats bytes in the largest unit that divides them: `24 KiB`, `1 MiB`.
fn bytes(most: usize) -> String {
    bytes_64(most as u64)
}

fn bytes_64(most: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    for (bits, unit) in units {
        if most >= 1 << bits && most.is_multiple_of(1 << bits) {
            return format!("{} {unit}", number(most >> bits));
        }
    }
    format!("{} bytes", number(most))
}

fn seconds(most: Duration) -> String {
    format!("{} s", most.as_secs_f64())
}

fn days(ms: u64) -> String {
    format!("{} days", number(ms / 86_400_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_the_one_that_is_checked_in() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/limits.md");
        let checked_in = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            checked_in == page(),
            "docs/limits.md differs from the constants: run `cargo xtask schema`"
        );
    }

    #[test]
    fn bytes_are_whole_units() {
        assert_eq!(bytes(1 << 20), "1 MiB");
        assert_eq!(bytes(24 * 1024), "24 KiB");
        assert_eq!(bytes(1000), "1,000 bytes");
        assert_eq!(bytes_64(1 << 40), "1 TiB");
    }
}

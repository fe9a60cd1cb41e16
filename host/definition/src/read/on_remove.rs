//! Reads `on_remove`: the treatment of the members when the definition is removed.

use muster_document::{Node, NodeContent, YamlReader, closest, quote};

use crate::definition::OnRemove;

pub(crate) const WORDS: [&str; 2] = ["keep", "exit"];

const FORMS: &str = "write `keep` to send nothing, or `exit` to send every member as an exit";

pub(super) fn on_remove(reader: &mut YamlReader<'_>, node: &Node) -> Option<OnRemove> {
    let NodeContent::Text(text) = &node.content else {
        return reader.expected(node, "`keep` or `exit`", FORMS);
    };
    match &**text {
        "keep" => Some(OnRemove::Keep),
        "exit" => Some(OnRemove::Exit),
        other => {
            let help = match closest(other, WORDS) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => FORMS.to_owned(),
            };
            let message = format!("{} is neither `keep` nor `exit`", quote(other));
            reader.wrong(node.span, message, help)
        }
    }
}

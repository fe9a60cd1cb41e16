//! IAM: what a role may do, by its own policy. The simulation knows neither key policies nor
//! session policies, as the real one.

use std::fmt::Write;

use crate::account::Account;
use crate::answer::{FakeAnswer, FakeRefusal, escape, xml};
use crate::call::{Api, ReceivedCall};
use crate::policy::Decision;

pub(crate) fn answer(account: &Account, call: &ReceivedCall) -> Result<FakeAnswer, FakeRefusal> {
    if call.action != "SimulatePrincipalPolicy" {
        let message = format!("Could not find operation {}", call.action);
        return Err(FakeRefusal::new(400, "InvalidAction", message));
    }
    let source = call.field("PolicySourceArn").unwrap_or_default();
    account.allow(call, "iam:SimulatePrincipalPolicy", &source)?;
    let Some(role) = account.roles.get(&source) else {
        let message = format!("The entity with ARN {source} cannot be found.");
        return Err(FakeRefusal::new(404, "NoSuchEntity", message));
    };
    let mut resources = call.members("ResourceArns");
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let mut results = String::new();
    for action in call.members("ActionNames") {
        for resource in &resources {
            let decision = match role.policy.decide(&action, resource) {
                Decision::Allowed => "allowed",
                Decision::ImplicitDeny => "implicitDeny",
                Decision::ExplicitDeny => "explicitDeny",
            };
            write!(
                results,
                "<member><EvalActionName>{}</EvalActionName><EvalResourceName>{}</EvalResourceName>\
                 <EvalDecision>{decision}</EvalDecision><MatchedStatements/><MissingContextValues/></member>",
                escape(&action),
                escape(resource)
            )
            .unwrap();
        }
    }
    let result =
        format!("<IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults>");
    Ok(xml(Api::Iam, "SimulatePrincipalPolicy", &result))
}

#[cfg(test)]
mod tests {
    use hyper::http::HeaderMap;

    use super::*;
    use crate::account::{FakeRole, USER_KEY};

    #[test]
    fn a_simulation_decides_by_the_policy_of_the_role() {
        let mut account = Account::new();
        let role = FakeRole::muster();
        account.add_role(role.clone());
        let simulate = |account: &Account, source: &str| {
            let form = form_urlencoded::Serializer::new(String::new())
                .append_pair("Action", "SimulatePrincipalPolicy")
                .append_pair("PolicySourceArn", source)
                .append_pair("ActionNames.member.1", "kinesis:PutRecords")
                .append_pair("ActionNames.member.2", "kinesis:GetRecords")
                .append_pair(
                    "ResourceArns.member.1",
                    "arn:aws:kinesis:eu-west-1:123456789012:stream/cohorts",
                )
                .finish();
            let mut headers = HeaderMap::new();
            let scope = format!("AWS4-HMAC-SHA256 Credential={USER_KEY}/20261128/us-east-1/iam/x");
            headers.insert("authorization", scope.parse().unwrap());
            let call = ReceivedCall::read(&headers, form.into()).unwrap();
            assert_eq!(call.api, Api::Iam);
            answer(account, &call)
        };
        let answer = simulate(&account, &role.arn).unwrap();
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        let decisions: Vec<_> = text
            .split("<EvalDecision>")
            .skip(1)
            .map(|rest| rest.split('<').next().unwrap())
            .collect();
        assert_eq!(decisions, ["allowed", "implicitDeny"]);
        let other = "arn:aws:iam::123456789012:role/other";
        assert_eq!(simulate(&account, other).unwrap_err().code, "NoSuchEntity");
    }
}

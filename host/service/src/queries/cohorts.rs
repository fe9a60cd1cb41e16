//! The history and the members of a cohort.

use muster_engine::EngineError;
use muster_model::{CohortId, Millis};
use muster_project::Project;
use muster_store::{Snapshot, StoreError, UserKey};

use crate::api::{ApiError, HistoryQuery, MembersPage, MembersQuery, RunHistory};

/// The number of runs in a history, unless the request says another.
pub const DEFAULT_RUNS: usize = 20;

/// The largest number of members of a page: some 2 MB of ids.
pub const MAX_PAGE_MEMBERS: usize = 100_000;

/// Returns the id of a cohort that is defined, or that was defined and has runs and members in the
/// store.
///
/// # Errors
/// If no such cohort exists; the error names the id that is most similar.
pub fn known_cohort(
    project: &Project,
    snapshot: Option<&Snapshot>,
    id: &str,
) -> Result<CohortId, ApiError> {
    let unknown = match project.cohort(id) {
        Ok(definition) => return Ok(definition.id.clone()),
        Err(unknown) => ApiError::from(unknown),
    };
    let known = snapshot.map_or(Ok(Vec::new()), Snapshot::cohorts)?;
    let known = known.into_iter().find(|known| known.as_str() == id);
    known.ok_or(unknown)
}

/// Returns the runs of a cohort, the latest first.
///
/// # Errors
/// If the store fails.
pub fn history(
    snapshot: &Snapshot,
    cohort: &CohortId,
    query: HistoryQuery,
) -> Result<RunHistory, EngineError> {
    let since = query.since.unwrap_or(Millis(i64::MIN));
    let limit = query.limit.unwrap_or(DEFAULT_RUNS);
    Ok(RunHistory {
        cohort: cohort.to_string(),
        runs: muster_engine::records_since(snapshot, cohort, since, limit)?,
    })
}

/// Returns a page of the members of a cohort. `last_run` is the clock of the latest run that the
/// service has made since it began.
///
/// # Errors
/// If the store fails.
pub fn members(
    snapshot: &Snapshot,
    cohort: &CohortId,
    query: MembersQuery,
    last_run: Option<Millis>,
) -> Result<MembersPage, EngineError> {
    let limit = query.limit.unwrap_or(MAX_PAGE_MEMBERS);
    let all = snapshot.members(cohort)?;
    let first = query.after.map_or(0, |after| after.saturating_add(1));
    let mut page: Vec<u32> = Vec::new();
    let mut rest = all.range(first..);
    page.extend(rest.by_ref().take(limit.clamp(1, MAX_PAGE_MEMBERS)));
    let next = match rest.next() {
        Some(_) => page.last().copied(),
        None => None,
    };
    Ok(MembersPage {
        cohort: cohort.to_string(),
        last_run_at: last_run.max(muster_engine::status(snapshot, cohort)?.ran),
        members: user_ids(snapshot, &mut page.into_iter(), usize::MAX)?,
        next,
    })
}

/// Returns the ids of the next users, until the ids have `limit` bytes. Users who were forgotten
/// since the list was read have no id and are left out.
///
/// # Errors
/// If the store fails.
pub fn user_ids(
    snapshot: &Snapshot,
    users: &mut impl Iterator<Item = u32>,
    limit: usize,
) -> Result<Vec<String>, StoreError> {
    let (mut ids, mut bytes) = (Vec::new(), 0);
    for user in users {
        if let Some(id) = snapshot.user_id(UserKey(user))? {
            bytes += id.len();
            ids.push(id);
            if bytes >= limit {
                break;
            }
        }
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use muster_model::EventBuffer;
    use muster_store::{Store, StoreOptions};

    use super::*;

    #[test]
    fn ids_are_read_in_slices_of_a_byte_limit() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &StoreOptions::default()).unwrap();
        let mut buffer = EventBuffer::default();
        for user in 0..10 {
            buffer.event(&format!("user {user}"), "Buy", Millis(1), None);
        }
        store.append(&buffer, None).unwrap();
        store
            .forget_user(UserKey(3), &muster_store::ForgetChanges::default())
            .unwrap();
        let mut users = 0..10;
        let snapshot = store.snapshot().unwrap();
        let mut slices = Vec::new();
        while users.start < users.end {
            slices.push(user_ids(&snapshot, &mut users, 20).unwrap());
        }
        let lengths: Vec<_> = slices.iter().map(Vec::len).collect();
        assert_eq!(lengths, [4, 4, 1]);
        let all = slices.concat();
        assert_eq!(
            (&*all[0], &*all[3], &*all[8]),
            ("user 0", "user 4", "user 9")
        );
    }

    #[test]
    fn members_come_in_pages() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &StoreOptions::default()).unwrap();
        let mut buffer = EventBuffer::default();
        let users = u32::try_from(MAX_PAGE_MEMBERS).unwrap() + 1;
        for user in 0..users {
            buffer.event(&user.to_string(), "Buy", Millis(1), None);
        }
        store.append(&buffer, None).unwrap();
        let cohort = CohortId::new("all").unwrap();
        let commit = muster_store::RunCommit {
            members: vec![muster_store::MemberChange {
                cohort: cohort.clone(),
                entered: (0..users).collect(),
                exited: roaring::RoaringBitmap::new(),
            }],
            ..muster_store::RunCommit::default()
        };
        store.commit_run(&commit).unwrap();
        let snapshot = store.snapshot().unwrap();
        let page = |after, limit| {
            let query = MembersQuery { after, limit };
            members(&snapshot, &cohort, query, None).unwrap()
        };
        let first = page(None, Some(usize::MAX));
        assert_eq!(first.members.len(), MAX_PAGE_MEMBERS);
        let rest = page(first.next, None);
        assert_eq!(
            (rest.members, rest.next),
            (vec![(users - 1).to_string()], None)
        );
        assert_eq!(page(Some(1), Some(2)).members, ["2", "3"]);
    }
}

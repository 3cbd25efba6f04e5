//! What every implementation of the port must do, as one suite.
//!
//! Each case takes a fresh, empty store. `store_conformance!` makes a test of each:
//!
//! ```text
//! blocks_store::store_conformance!({
//!     let folder = tempfile::tempdir().unwrap();
//!     let store = SqliteStore::open(&folder.path().join("blocks.db")).unwrap();
//!     (folder, store) // kept until the case ends, and the store it is about
//! });
//! ```

#![expect(clippy::unwrap_used, reason = "a case fails by panicking, as any test does")]

mod alerts;
mod changes;
mod inbox;
mod journal;
mod outbox;
mod rows;
mod samples;

pub use alerts::*;
pub use changes::*;
pub use inbox::*;
pub use journal::*;
pub use outbox::*;
pub use rows::*;
pub use samples::*;

/// Makes one `#[tokio::test]` of each case; the expression makes `(guard, store)` afresh and may await.
#[macro_export]
macro_rules! store_conformance {
    ($fresh:expr) => {
        $crate::store_conformance!(@each $fresh;
            a_redelivered_message_falls_away,
            the_same_id_from_another_source_is_another_message,
            a_done_message_is_remembered_without_its_body,
            a_message_is_dealt_with_once,
            a_kept_message_can_be_read_and_acted_on_later,
            a_kept_message_is_taken_up_again,
            kept_messages_are_found_by_what_they_are,
            what_is_of_no_consequence_goes_after_a_while,
            as_much_of_a_body_is_handed_out_as_is_wanted,
            the_oldest_dead_letters_go_where_there_are_too_many,
            events_come_back_byte_for_byte,
            a_decision_on_an_old_head_is_a_conflict,
            a_decision_on_another_history_is_a_conflict,
            of_two_decisions_at_once_one_wins,
            an_append_without_events_only_checks,
            events_that_do_not_continue_are_refused,
            a_conflict_takes_back_everything_of_its_commit_and_nothing_else,
            a_counter_is_raised_once_for_each_value_seen,
            streams_are_listed_in_order_of_opening,
            an_untouched_store_verifies,
            checkpoints_are_counted_and_move_the_head,
            a_head_that_was_kept_is_found_again,
            a_message_asked_for_twice_leaves_once,
            a_coalesced_message_is_due_again_once,
            asking_while_it_is_on_its_way_keeps_it_due,
            a_group_leaves_in_order_and_a_dead_head_lets_it_go_on,
            a_retry_holds_back_its_group_and_no_other,
            a_turn_is_waited_for_until_it_is_asked_for_again,
            lanes_come_before_age,
            nothing_leaves_before_it_is_due,
            attempts_are_counted_until_an_outcome_is_known,
            where_it_was_tried_is_known_until_an_outcome_is,
            what_has_not_left_is_told_with_its_reason,
            timers_are_set_moved_and_cleared,
            rows_are_replaced_and_filtered,
            runs_are_found_by_target_and_by_code,
            alerts_are_replaced_found_and_counted,
            ended_alerts_are_forgotten_by_age,
            the_newest_alerts_of_incidents_are_found_by_the_key_of_a_page,
            what_of_a_group_fires_is_found,
            open_incidents_with_alerts_are_found,
            changes_are_kept_once_and_found_newest_first,
            changes_are_bounded_by_number_and_age,
            messages_are_dealt_with_together,
            blobs_are_found_by_their_hash,
            a_blob_under_another_hash_is_refused,
            the_last_word_under_a_key_is_kept,
            tokens_belong_to_a_person,
        );
    };
    (@each $fresh:expr; $($case:ident,)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                let (_guard, store) = $fresh;
                $crate::conformance::$case(&store).await;
            }
        )*
    };
}

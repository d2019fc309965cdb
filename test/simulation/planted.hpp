// Bugs that can be planted, to see that the simulation finds them.
#pragma once

namespace eventstore::test::simulation {

enum class bug {
    none,
    // of the database
    loses_an_event,       ///< one transaction in four is told as stored, and its last event is not there
    stores_a_retry_twice, ///< ids that are stored already are not looked for
    swaps_positions,      ///< two appends of one transaction are told each other's place
    writes_without_epoch, ///< a checkpoint is written whoever has the lease
    claims_too_early,     ///< a lease is taken for expired after a third of its time
    page_forgets_an_event,
    forgets_hand_outs, ///< the row does not tell what was handed out
    // of the library's coroutines
    refusal_of_a_lost_append, ///< an append whose connection was lost is told as refused
    forgets_an_append,        ///< one whose connection was lost is never told, not even when its time is over
    delivers_a_pair_swapped,
    delivers_twice,          ///< an acknowledged batch is given back as well
    replays_twice,           ///< what was parked and is released is queued twice
    checkpoint_before_ack,   ///< what was received is written, not what is done
    trusts_from_the_answer,  ///< a lease counts from its answer, not from its question
    hands_out_without_lease, ///< nobody asks whether the lease is still good
    watches_from_the_question,
    does_not_look_after_reconnect, ///< notifications that were lost with their connection stay lost
    forgets_the_wish,              ///< a page that failed is not read again
    attaches_in_haste, ///< who attaches gives up just before the feed looks, and a connection may listen without an answer
};

} // namespace eventstore::test::simulation

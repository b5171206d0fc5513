/* What the steps of views.pml are made of. */

#define WATCH(it, commits_it) \
  if \
  :: WATCHED(it) -> \
       claim(one_content, !watched_seen || watched_list == it.list); \
       watched_seen = true; \
       watched_list = it.list; \
       watched_committed = watched_committed || commits_it \
  :: else \
  fi

/* S3, S4: to be sent to everybody; who gets it when is another matter. */
#define PUBLISH(it) \
  printf("node %d: publishes (%d, %d), members %d\n", node, it.token, it.sequence, \
         MEMBERS(it.list)); \
  claim(published_in_order, OLDER(newest, it)); \
  claim(published_is_committed, !WATCHED(it) || watched_committed); \
  claim(nobody_lost, excused || (MEMBERS(newest.list) & ~MEMBERS(it.list) & \
                                 ~REMOVED(it.list)) == 0); \
  probe(third_tenure_publishes, it.token == 3); \
  probe(member_is_removed, (MEMBERS(newest.list) & ~MEMBERS(it.list)) != 0); \
  WATCH(it, false); \
  SET(earlier, newest); \
  SET(newest, it)

inline know_nothing() {
  row_known = false;
  seen_token = 0;
  seen_sequence = 0
}

inline clear_asks() {
  asks = IDLE;
  asks_token = 0;
  asks_sequence = 0;
  CLEAR(asks_view)
}

inline clear_late() {
  late = IDLE;
  late_token = 0;
  late_sequence = 0;
  CLEAR(late_view);
  late_epoch = 0
}

inline end_tenure() {
  token = 0;
  phase = READING;
  ready = false;
  know_nothing();
  has_first = false;
  CLEAR(first);
  first_epoch = 0;
  CLEAR(known);
  CLEAR(current);
  attempted = 0;
  unsure = false;
  CLEAR(doubtful);
  clear_asks();
  node = 0;
  node_epoch = 0
}

/* A commit of this tenure is known to have happened. */
inline committed() {
  ready = true;
  unsure = false;
  CLEAR(doubtful);
  fresh = true
}

/* A claim overwrites the row's token, which then says no more how new the list is. */
#define LIST_TOKEN \
  (PLANTED != judge_by_row -> row_list_token : \
   (has_first && row.token == token -> first.token : row.token))

/* What a read says, a claim, or a commit that did not apply. */
inline see_row() {
  row_known = true;
  seen_token = row.token;
  seen_sequence = row.sequence;
  if
  :: phase == READING ->
       seen.token = LIST_TOKEN;
       seen.sequence = row.sequence;
       seen.list = row.list;
       if
       :: has_first && OLDER(seen, first) && OLDER(known, first) -> SET(known, first)
       :: else
       fi;
       has_first = true;
       SET(first, seen);
       first_epoch = row_epoch;
       CLEAR(seen)
  :: phase == LEADING && unsure && row.token == doubtful.token &&
     row.sequence == doubtful.sequence &&
     (row.list == doubtful.list || PLANTED == believe_the_id) ->
       probe(unknown_commit_had_happened, true);
       watched_committed = watched_committed || WATCHED(row) && row.list == doubtful.list;
       SET(current, doubtful);
       committed()
  :: else
  fi
}

#define CLAIMED (row_known && seen_token == token && (phase == LEADING || has_first))

/* S3: from the row, or, if the store may have lost the newest, from the greatest that is found. */
inline choose_base() {
  SET(current, first);
  if
  :: OLDER(first, known) || PLANTED == start_from_own_view -> SET(current, known)
  :: else
  fi;
  if
  :: PLANTED == forget_members -> CLEAR(current)
  :: else
  fi;
  probe(gathering_finds_what_the_row_lost, OLDER(first, known) && OLDER(first, newest) &&
        !OLDER(known, newest));
  excused = excused || first_epoch != node_epoch && OLDER(current, newest) &&
                       PLANTED != skip_gathering;
  phase = LEADING;
  has_first = false;
  CLEAR(first);
  first_epoch = 0;
  CLEAR(known)
}

/* The next list, with `change` a member to join (1 to 3) or to remove (4 to 6), or nothing. */
#define LEADER_IN(list) JOIN(list, node)
#define CHANGED(list) \
  (change == 0 -> (list) : (change <= 3 -> JOIN(list, change - 1) : REMOVE(list, change - 4)))
#define TRIES (PLANTED == number_used_twice -> 0 : attempted)
#define MAX(a, b) ((a) > (b) -> (a) : (b))

inline name_view() {
  attempted = MAX(TRIES, MAX(seen_sequence, current.sequence)) + 1;
  asks_view.token = token;
  asks_view.sequence = attempted
}

inline submit_commit() {
  asks = COMMIT;
  commits++;
  asks_token = seen_token;
  asks_sequence = seen_sequence;
  probe(row_is_healed, ready && BEFORE(seen_token, seen_sequence, current.token, current.sequence));
  asks_view.list = CHANGED(current.list);
  asks_view.list = LEADER_IN(asks_view.list);
  change = 0;
  printf("node %d: asks to commit (%d, %d), members %d, over (%d, %d)\n", node, token, attempted,
         MEMBERS(asks_view.list), seen_token, seen_sequence);
  if
  :: PLANTED == publish_uncommitted -> PUBLISH(asks_view)
  :: else
  fi
}

#define EXPECTED(t, s) (row.token == t && row.sequence == s || PLANTED == commit_without_claim)

#define COMMIT_ROW(it, its_epoch) \
  claim(row_goes_forward, OLDER(row, it)); \
  SET(row, it); \
  row_list_token = it.token; \
  row_epoch = its_epoch; \
  WATCH(it, true); \
  printf("store: (%d, %d) is committed\n", row.token, row.sequence)

inline execute() {
  if
  :: asks == CLAIM ->
       if
       :: row.token < asks_token -> row.token = asks_token
       :: else
       fi;
       printf("store: the row is (%d, %d) after a claim\n", row.token, row.sequence)
  :: asks == COMMIT && EXPECTED(asks_token, asks_sequence) ->
       COMMIT_ROW(asks_view, node_epoch);
       landed = true
  :: else
  fi
}

/* The answer comes, and may find that the tenure is not to commit or publish any more: then it is
   over, see below. */
inline hear() {
  if
  :: landed ->
       seen_token = asks_view.token;
       seen_sequence = asks_view.sequence;
       SET(current, asks_view);
       committed()
  :: else -> see_row()
  fi;
  clear_asks();
  landed = false
}

/* No answer, or too late: read before anything is decided. */
inline doubt() {
  if
  :: asks == COMMIT ->
       unsure = true;
       SET(doubtful, asks_view)
  :: else
  fi;
  know_nothing();
  printf("node %d: does not know what became of its statement\n", node)
}

/* What the steps of lease.pml are made of. */

inline check() {
  claim(one_leader, AT_MOST_ONE(ACTS));
  claim(acts_in_token_order, EVERY(IN_ORDER));
  claim(dropped_for_good, EVERY(NOT_DROPPED));
  claim(nothing_after_release, EVERY(NOT_RELEASED));
  claim(only_who_asked, EVERY(WAS_ASKED));
  probe(somebody_leads, SOME(ACTS))
}

inline erase(slot) {
  late[slot] = IDLE;
  late_owner[slot] = 0;
  late_expiry[slot] = LONG_AGO;
  late_earliest[slot] = LONG_AGO
}

/* The process that sent it is dead. */
inline orphan(slot, i) {
  late_owner[slot] = (late[slot] == TAKE && late_owner[slot] == i -> NOBODY : late_owner[slot])
}

inline pass_late(slot) {
  PASS(late_expiry[slot], LONG_AGO);
  PASS(late_earliest[slot], LONG_AGO)
}

inline pass_node(i) {
  PASS(until[i], OVER);
  PASS(asks_expiry[i], LONG_AGO);
  PASS(asks_earliest[i], LONG_AGO)
}

inline put(slot, what, whose, expiry, earliest) {
  d_step {
    late[slot] = what;
    late_owner[slot] = (what == TAKE -> whose : 0);
    late_expiry[slot] = expiry;
    late_earliest[slot] = earliest
  }
}

/* A statement that nobody waits for any more: perhaps the store still gets it, perhaps it is
   lost. Where there is no room for one more it is lost. */
inline goes_on(what, whose, expiry, earliest) {
  if
  :: late[0] == IDLE -> put(0, what, whose, expiry, earliest)
#if LATE == 2
  :: late[0] != IDLE && late[1] == IDLE -> put(1, what, whose, expiry, earliest)
#endif
  :: true
  fi
}

inline forget(i) {
  asks[i] = IDLE;
  asks_expiry[i] = LONG_AGO;
  asks_earliest[i] = LONG_AGO;
  asked[i] = asked[i] && holds[i] != NONE
}

/* The node does not wait any longer, or is dead. */
inline abandon(i, whose) {
  if
  :: asks[i] == TAKE || asks[i] == RENEW ->
       goes_on(asks[i], whose, asks_expiry[i], asks_earliest[i])
  :: else
  fi;
  d_step { forget(i) }
}

/* F10, R10: told to the user; the lease has to be asked for anew. */
inline drop(i) {
  d_step {
    dropped = dropped || holds[i] == CURRENT;
    holds[i] = NONE;
    until[i] = OVER;
    asked[i] = false;
    REMEMBER_LOSS(i)
  }
  if
  :: asks[i] == RENEW || asks[i] == RENEWED || asks[i] == NOT_YOURS ->
       abandon(i, i)
  :: else
  fi
}

/* R7: first stop, then say so. */
inline give_up(i) {
  printf("node %d: sends the release of {%d}\n", i, i);
  if
  :: holds[i] == CURRENT ->
       release_sent = true;
       goes_on(RELEASE, NOBODY, LONG_AGO, LONG_AGO)
  :: else
  fi;
  if
  :: PLANTED == act_after_release
  :: else -> drop(i)
  fi
}

inline hold(i, which, expiry) {
  d_step {
    holds[i] = which;
    until[i] = GREATEST(expiry, OVER);
    forget(i);
    printf("node %d: holds {%d} until <%d>\n", i, i, until[i] - NOW)
  }
  if
  :: asked[i] || PLANTED == keep_unwanted || PLANTED == take_unasked
  :: else -> give_up(i)
  fi
}

/* What one node remembers, when the row gets a new token. */
inline age(i) {
  if
  :: holds[i] == CURRENT -> holds[i] = OLDER
  :: else
  fi;
  if
  :: asks[i] == TAKE -> forget(i)
  :: asks[i] == RENEW && PLANTED != renew_any_token ->
       forget(i);
       asks[i] = NOT_YOURS
  :: asks[i] == MINE && (!dropped || PLANTED == resume_dropped_token) -> asks[i] = MINE_ONCE
  :: asks[i] == MINE && dropped && PLANTED != resume_dropped_token -> forget(i)
  :: else
  fi
}

/* In one step: the row gets a new token. */
inline grant(whose, expiry) {
  probe(taken_after_release, released && owner != NOBODY && owner != whose);
  probe(taken_after_expiry, !released && owner != NOBODY && owner != whose);
  probe(taken_after_crash, !released && owner == NOBODY && whose != NOBODY);
  probe(taken_while_unaware, SOME(HOLDS_CURRENT));
  owner = whose;
  expires = expiry;
  released = false;
  age(0);
  age(1);
#if N == 3
  age(2);
#endif
  erase(0);
#if LATE == 2
  erase(1);
#endif
  pausing = (pausing == CURRENT -> OLDER : pausing);
  resource_saw_current = false;
  dropped = false;
  release_sent = false;
  printf("store: grants to node %d until <%d>\n", owner, expires - NOW)
}

/* R3, in one statement. */
#define TAKEABLE(earliest) (released || expires == LONG_AGO || expires < earliest)

/* R6, in one statement. */
inline renew(expiry) {
  probe(renewed_past_the_first_expiry, expiry > expires && expires > NOW);
  probe(late_renewal_is_lower, expiry < expires);
  expires = (PLANTED == renew_lowers_expiry -> expiry : GREATEST(expires, expiry));
  printf("store: the row is renewed until <%d>\n", expires - NOW)
}

/* A statement that somebody waits for. */
inline execute(i) {
  d_step {
    if
    :: asks[i] == TAKE && TAKEABLE(asks_earliest[i]) ->
         grant(i, asks_expiry[i]);
         asks[i] = MINE;
         asks_expiry[i] = expires
    :: asks[i] == RENEW && !released ->
         renew(asks_expiry[i]);
         asks[i] = RENEWED;
         asks_expiry[i] = expires
    :: asks[i] == TAKE && !TAKEABLE(asks_earliest[i]) -> forget(i)
    :: asks[i] == RENEW && released ->
         forget(i);
         asks[i] = NOT_YOURS
    fi;
    check()
  }
}

inline execute_late(i) {
  d_step {
    if
    :: late[i] == TAKE && TAKEABLE(late_earliest[i]) ->
         probe(late_take_is_executed, late_owner[i] != NOBODY);
         probe(take_of_the_dead_is_executed, late_owner[i] == NOBODY);
         printf("store: a late statement is executed\n");
         grant(late_owner[i], late_expiry[i])
    :: late[i] == RENEW && !released ->
         printf("store: a late statement is executed\n");
         renew(late_expiry[i])
    :: late[i] == RELEASE ->
         released = true;
         printf("store: the row is released\n")
    :: else
    fi;
    erase(i);
    check()
  }
}

/* The lease on a store that keeps what it acknowledges: R1 to R7, R10, F10.

   Nothing here ends: time, tokens, tenures, crashes and restarts are unbounded. What makes the
   states finite is that only differences matter.

     Instants are kept relative to true time, which is the constant NOW: the process `time` moves
     every instant that anybody remembers one into the past. What lies FLOOR or further back is
     "long ago"; a row that ran out long ago counts as run out for every statement, however old.
     Tokens are kept relative to the row's: CURRENT is the row's, OLDER is any before it. The store
     compares tokens for equality only, so a statement that names an older one is dead.

   A reading is an interval of at most W that contains NOW, any such interval, chosen anew by each
   step. A statement is executed at any time after it was sent, or never; so is the delivery of its
   answer. Whoever gives up waiting does not know: the statement goes on to the `late` ones, which
   nobody waits for and the store may still execute. */

/* run: W=2 L=2 PAUSE=0 */
/* run: W=1 L=2 PAUSE=1 */
/* run --full: W=2 L=3 PAUSE=1 */
/* run --full: W=1 L=2 PAUSE=0 LATE=2 */

/* Sizes: nodes, late statements at once, width of a reading, lease. */
#ifndef N
#define N 2
#endif
#ifndef LATE
#define LATE 1
#endif
#ifndef W
#define W 2
#endif
#ifndef L
#define L 2
#endif
#ifndef PAUSE
#define PAUSE 1
#endif

/* Planted faults, each named as in src/base/mutant.h unless it is marked `here`. The columns:
   number, rule, the claim that must fail. */
#define act_until_earliest 1    /* mutant: R1, one_leader L=1 PAUSE=0 */
#define trust_any_clock 2       /* mutant: R1, one_leader L=1 PAUSE=0 */
#define optimistic_expiry 3     /* mutant: R2, one_leader W=0 PAUSE=0 */
#define take_by_latest 4        /* mutant: R3, one_leader L=1 PAUSE=0 */
#define renew_lowers_expiry 5   /* mutant: R6, one_leader W=0 PAUSE=0 */
#define act_after_release 6     /* mutant: R7, one_leader nothing_after_release W=0 PAUSE=0 */
#define resume_dropped_token 7  /* mutant: F10, dropped_for_good W=0 PAUSE=0 */
#define keep_unwanted 8         /* mutant: R7, only_who_asked W=0 PAUSE=0 */
#define take_unasked 9          /* mutant: DESIGN 4, only_who_asked W=0 PAUSE=0 */
#define renew_any_token 10      /* mutant, here: R6, acts_in_token_order W=0 PAUSE=0 */
#define adopt_by_name 11        /* mutant, here: R6, one_leader W=0 PAUSE=0 */
#define resource_ignores_token 12 /* mutant, here: fencing, effects_in_token_order W=0 */

/* What must be reachable, or the claims say nothing. */
#define somebody_leads 1            /* probe: W=0 PAUSE=0 */
#define taken_after_expiry 2        /* probe: W=0 PAUSE=0 */
#define taken_after_release 3       /* probe: W=0 PAUSE=0 */
#define taken_after_crash 4         /* probe: W=0 PAUSE=0 */
#define taken_while_unaware 5       /* probe: W=0 PAUSE=0 */
#define late_take_is_executed 6     /* probe: W=0 PAUSE=0 */
#define take_of_the_dead_is_executed 7 /* probe: W=0 PAUSE=0 */
#define lost_answer_is_found_by_a_read 8 /* probe: W=0 PAUSE=0 */
#define renewed_past_the_first_expiry 9 /* probe: W=0 PAUSE=0 */
#define late_renewal_is_lower 10    /* probe: W=0 PAUSE=0 */
#define answer_comes_too_late 11    /* probe: W=0 PAUSE=0 */
#define late_effect_is_refused 12   /* probe: W=0 */

#define claim_one_leader 1
#define claim_acts_in_token_order 2
#define claim_dropped_for_good 3
#define claim_nothing_after_release 4
#define claim_only_who_asked 5
#define claim_effects_in_token_order 6

#include "claims.h"

#define FLOOR (W + 1)           /* what lies this far back is long ago */
#define LONG_AGO 0
#define NOW FLOOR
#define PASS(t, floor) t = (t > floor -> t - 1 : t)
#define GREATEST(a, b) ((a) > (b) -> (a) : (b))

/* How long ago a lease ended is nothing to who held it. */
#if PLANTED == act_until_earliest
#define OVER LONG_AGO
#else
#define OVER NOW
#endif

#define NOBODY N                /* as an owner: a process that is dead */

/* The row. */
byte owner = NOBODY;
byte expires = LONG_AGO;
bool released = true;

/* Whose token a node holds. */
#define NONE 0
#define CURRENT 1
#define OLDER 2
byte holds[N];
byte until[N] = OVER;           /* R2: the expiry that the store acknowledged */
bool asked[N];                  /* the user wants it: known only of a node that holds or takes it */

#if PLANTED == take_unasked
bool lost[N];                   /* since the user asked; the node goes on as if it were asked */
#define REMEMBER_LOSS(i) lost[i] = true
#define FORGET_LOSS(i) lost[i] = false
#define HAS_LOST(i) lost[i]
#else
#define REMEMBER_LOSS(i) skip
#define FORGET_LOSS(i) skip
#define HAS_LOST(i) false
#endif

/* The statement that a node waits for, then its answer. */
#define IDLE 0
#define TAKE 1
#define RENEW 2
#define MINE 3                  /* answer: the row is yours, with this expiry */
#define MINE_ONCE 4             /* the same, but the row has changed hands since */
#define RENEWED 5
#define NOT_YOURS 6             /* the answer to a renewal, or that it will be */
byte asks[N];
byte asks_expiry[N];
byte asks_earliest[N];

/* Statements that nobody waits for. All name the row's token: others are dead. */
#define RELEASE 7
byte late[LATE];
byte late_owner[LATE];
byte late_expiry[LATE];
byte late_earliest[LATE];

/* The row's token was dropped; its release was sent. */
bool dropped;
bool release_sent;

/* An act that was checked in time and whose effect is still to come, at a resource that refuses
   tokens lower than the greatest it has seen. */
byte pausing = NONE;
bool resource_saw_current;

/* R1, for the reading with the least `latest`, or in a mutant the least `earliest`. */
#if PLANTED == act_until_earliest
#define IN_TIME(i) (until[i] + W > NOW)
#elif PLANTED == trust_any_clock
#define IN_TIME(i) true
#else
#define IN_TIME(i) (until[i] > NOW)
#endif
#define ACTS(i) (holds[i] != NONE && IN_TIME(i))
#if N == 2
#define SOME(what) (what(0) || what(1))
#define EVERY(what) (what(0) && what(1))
#define AT_MOST_ONE(what) (what(0) + what(1) <= 1)
#else
#define SOME(what) (what(0) || what(1) || what(2))
#define EVERY(what) (what(0) && what(1) && what(2))
#define AT_MOST_ONE(what) (what(0) + what(1) + what(2) <= 1)
#endif
#define HOLDS_CURRENT(i) (holds[i] == CURRENT)
#define IN_STORE(i) (asks[i] == TAKE || asks[i] == RENEW)
#define IN_ORDER(i) (!ACTS(i) || holds[i] == CURRENT)
#define NOT_DROPPED(i) (!ACTS(i) || holds[i] != CURRENT || !dropped)
#define NOT_RELEASED(i) (!ACTS(i) || holds[i] != CURRENT || !release_sent)
#define WAS_ASKED(i) (!ACTS(i) || asked[i])

#include "lease_steps.h"

active [N] proctype node() {
  byte after;
  do
  :: atomic { /* the user asks for it: R3, R4 */
       holds[_pid] == NONE && asks[_pid] == IDLE ->
       asked[_pid] = !HAS_LOST(_pid);
       read_latest();
       d_step {
         asks[_pid] = TAKE;
         asks_expiry[_pid] = NOW + after + L;
         asks_earliest[_pid] = (PLANTED == take_by_latest -> NOW + after : NOW);
         printf("node %d: asks to take until <%d>; its clock says <0> to <%d>\n", _pid,
                after + L, after);
         after = 0
       }
     }
  :: atomic { /* the user does not want it any more */
       asked[_pid] ->
       asked[_pid] = false;
       printf("node %d: is not wanted any more\n", _pid);
       if
       :: holds[_pid] != NONE -> give_up(_pid)
       :: else
       fi;
       d_step { check() }
     }
  :: atomic { /* R6; R1 holds at this reading */
       holds[_pid] != NONE && asks[_pid] == IDLE && until[_pid] > NOW ->
       read_latest();
       d_step {
         if
         :: NOW + after < until[_pid] ->
              asks[_pid] = (holds[_pid] == CURRENT || PLANTED == renew_any_token -> RENEW
                                                                                 : NOT_YOURS);
              asks_expiry[_pid] = (asks[_pid] == RENEW -> NOW + after + L : LONG_AGO);
              printf("node %d: asks to renew until <%d>; its clock says at most <%d>\n", _pid,
                     after + L, after)
         :: else
         fi;
         after = 0
       }
     }
  :: atomic { /* a read; its answer may be old when it comes */
       holds[_pid] == NONE && asks[_pid] == IDLE && owner == _pid && !released ->
       if
       :: asked[_pid] = true
       :: true
       fi;
       asks[_pid] = MINE;
       asks_expiry[_pid] = expires;
       probe(lost_answer_is_found_by_a_read, !dropped);
       printf("node %d: reads, and the row is its own, until <%d>\n", _pid, expires - NOW)
     }
  :: atomic { /* an answer is delivered; F10 */
       asks[_pid] == MINE || asks[_pid] == MINE_ONCE ->
       probe(answer_comes_too_late, asks[_pid] == MINE_ONCE);
       if
       :: asks[_pid] == MINE && dropped && PLANTED != resume_dropped_token ->
            d_step { forget(_pid) }
       :: else -> hold(_pid, (asks[_pid] == MINE -> CURRENT : OLDER), asks_expiry[_pid])
       fi;
       d_step { check() }
     }
  :: d_step {
       asks[_pid] == RENEWED ->
       until[_pid] = GREATEST(until[_pid], asks_expiry[_pid]);
       printf("node %d: hears that it holds {%d} until <%d>\n", _pid, _pid, until[_pid] - NOW);
       forget(_pid);
       check()
     }
  :: atomic {
       asks[_pid] == NOT_YOURS ->
       d_step { forget(_pid) }
       if
       :: holds[_pid] != NONE -> drop(_pid)
       :: else
       fi;
       d_step { check() }
     }
  :: atomic { /* R2: no answer in time, whatever became of it */
       asks[_pid] != IDLE ->
       printf("node %d: waits for the store no longer\n", _pid);
       if
       :: PLANTED == optimistic_expiry && holds[_pid] != NONE ->
            until[_pid] = GREATEST(until[_pid], asks_expiry[_pid])
       :: else
       fi;
       abandon(_pid, _pid);
       d_step { check() }
     }
  :: atomic { /* R10: a reading whose `latest` has reached the expiry */
       holds[_pid] != NONE && until[_pid] <= NOW + W ->
       printf("node %d: drops {%d}, its time is over\n", _pid, _pid);
       drop(_pid);
       d_step { check() }
     }
  :: d_step { /* an act that takes effect at once */
       PAUSE && ACTS(_pid) && holds[_pid] == CURRENT && !resource_saw_current ->
       resource_saw_current = true;
       printf("node %d: acts under {%d}\n", _pid, _pid)
     }
  :: d_step { /* checked in time; then the process is paused */
       PAUSE && ACTS(_pid) && pausing == NONE ->
       pausing = holds[_pid];
       printf("node %d: may act under {%d}, and is paused\n", _pid, _pid)
     }
  :: atomic { /* a crash; the next incarnation is another owner */
       true ->
       d_step {
         printf("node %d: crashes, and starts anew\n", _pid);
         dropped = (PLANTED == adopt_by_name -> false : dropped || holds[_pid] == CURRENT);
         owner = (owner == _pid && PLANTED != adopt_by_name -> NOBODY : owner);
         orphan(0, _pid);
#if LATE == 2
         orphan(1, _pid);
#endif
         holds[_pid] = NONE;
         until[_pid] = OVER;
         asked[_pid] = false;
         FORGET_LOSS(_pid);
       }
       abandon(_pid, NOBODY);
       d_step { check() }
     }
  od
}

/* A2: each statement is one step, at any time after it was sent. */
active proctype store() {
  do
  :: atomic { IN_STORE(0) -> execute(0) }
  :: atomic { IN_STORE(1) -> execute(1) }
#if N == 3
  :: atomic { IN_STORE(2) -> execute(2) }
#endif
  :: atomic { late[0] != IDLE -> execute_late(0) }
#if LATE == 2
  :: atomic { late[1] != IDLE -> execute_late(1) }
#endif
  od
}

/* True time. */
active proctype time() {
  do
  :: d_step {
       true ->
       printf("tick\n");
       PASS(expires, LONG_AGO);
       pass_node(0);
       pass_node(1);
#if N == 3
       pass_node(2);
#endif
       pass_late(0);
#if LATE == 2
       pass_late(1);
#endif
       check()
     }
  od
}

/* The effect of a paused act comes to the resource. */
active proctype resource() {
  do
  :: d_step {
       pausing != NONE ->
       probe(late_effect_is_refused, pausing == OLDER && resource_saw_current);
       if
       :: pausing == OLDER && resource_saw_current && PLANTED != resource_ignores_token
       :: else ->
            claim(effects_in_token_order, !(pausing == OLDER && resource_saw_current));
            resource_saw_current = resource_saw_current || pausing == CURRENT;
            printf("resource: the act that was paused takes effect\n")
       fi;
       pausing = NONE
     }
  od
}

/* The lease on a store that may lose what it acknowledged: R5, R8, R9, F10, F11, F12.

   A promotion makes the standby's older row the store's, under another epoch: every commit since
   the standby last copied the row is lost, acknowledged or not. The old primary commits nothing
   any more (two that both take writes are not covered by anything). An administrator may
   delete the row.

   Unlike in lease.pml, time and tokens are numbers that count up to a limit: whether a token that
   a clock has made is greater than one that was lost, only numbers can show. What lease.pml shows
   is left out here: several statements of one node at once, answers under way, paused acts.

   A node has one statement at the store. It is executed at any time, or lost; its answer comes at
   once or never. Whoever gives up waiting may read, but sends nothing new before the old one was
   executed or lost. Statements that can never do anything again are forgotten: those that are
   pinned to an epoch when it ends, and those that name the row's token when it gets another. */

/* run: W=1 TIME=7 GRANTS=2 PROMOTIONS=1 DELETES=0 */
/* run: W=0 TIME=7 GRANTS=2 PROMOTIONS=2 DELETES=0 */
/* run: W=0 TIME=6 GRANTS=2 PROMOTIONS=1 DELETES=1 */
/* run: W=0 TIME=5 GRANTS=2 PROMOTIONS=0 DELETES=2 */
/* run --full: W=1 TIME=9 GRANTS=2 PROMOTIONS=2 DELETES=0 */
/* run --full: W=0 TIME=7 GRANTS=3 PROMOTIONS=2 DELETES=1 */

/* Sizes: nodes, width of a reading, lease (also the longest of the group), and how much of each
   happens at most. */
#ifndef N
#define N 2
#endif
#ifndef W
#define W 0
#endif
#ifndef L
#define L 2
#endif
#ifndef TIME
#define TIME 7
#endif
#ifndef GRANTS
#define GRANTS 2
#endif
#ifndef PROMOTIONS
#define PROMOTIONS 1
#endif
#ifndef DELETES
#define DELETES 0
#endif
/* Nobody crashes or releases, and every statement is executed and answered: for what takes many
   steps to go wrong. */
#ifndef CALM
#define CALM 0
#endif

/* Planted faults, each named as in src/base/mutant.h unless it is marked `here`. The columns:
   number, rule, the claims that must fail. */
#define token_restarts 1          /* mutant: R5, tokens_grow */
#define create_without_cool_off 2 /* mutant: R8, one_leader PROMOTIONS=0 DELETES=1 */
#define take_unpinned 3           /* mutant: R9, one_leader */
#define take_foreign_at_once 4    /* mutant: F11, one_leader acts_in_token_order */
#define repin_after_expiry 5      /* mutant: F12, one_leader */
#define renew_unpinned 6          /* mutant, here: R9, one_leader */
#define wait_after_take 7         /* mutant: F11, one_leader CALM=1 L=3 TIME=6 PROMOTIONS=2 */
#define create_takes 8 /* mutant: R8, one_leader CALM=1 PROMOTIONS=0 DELETES=2 GRANTS=3 TIME=6 */

/* What must be reachable, or the claims say nothing. */
#define a_live_lease_is_lost 1      /* probe */
#define a_live_row_is_deleted 2     /* probe: PROMOTIONS=0 DELETES=1 */
#define taken_after_the_wait 3      /* probe */
#define who_created_acts 4          /* probe: PROMOTIONS=0 DELETES=1 */
#define repinned 5                  /* probe */
#define repinned_over_a_lost_renewal 6 /* probe */
#define pinned_statement_comes_too_late 7 /* probe */
#define second_promotion_under_a_lease 8 /* probe: PROMOTIONS=2 */

#define claim_one_leader 1
#define claim_acts_in_token_order 2
#define claim_tokens_grow 3

#include "claims.h"

#define GREATEST(a, b) ((a) > (b) -> (a) : (b))
/* Tokens come from the clock: TICK of them in one unit of time, for grants and new rows take
   time. */
#define TICK (GRANTS + DELETES + 1)
/* LMAX + 2 max_error. */
#define WAIT (L + 2 * W)

byte now = 1;
byte grants;
byte creates;
byte promotions;
byte deletes;

#define NOBODY N                /* as an owner: a process that is dead */

/* The row. */
bool exists = true;
byte owner = NOBODY;
byte token;
byte expires;
byte safe;                      /* R8: nobody acts before */
bool unheld;                    /* R8: nobody has held it since it was created */
bool released = true;           /* at first: it was provisioned */
bool foreign;                   /* R9: its epoch is not the store's */
bool dropped;                   /* F10: its owner has dropped its token */
byte top;                       /* the greatest token granted, lost or not */

/* What the standby has of it. After a promotion it is foreign in any case. */
bool copy_exists = true;
byte copy_owner = NOBODY;
byte copy_token;
byte copy_expires;
byte copy_safe;
bool copy_unheld;
bool copy_released = true;

/* What a node holds. */
byte held[N];                   /* its token; 0: none */
byte until[N];                  /* R2; 0: over */
byte held_safe[N];
bool stale[N];                  /* of another epoch than the store's */
bool superseded[N];             /* a greater token has acted */

/* Whether it has seen the store's epoch, and how long it still has to wait over a foreign row. */
bool knows[N] = true;
byte wait[N];

/* Its statement. */
#define IDLE 0
#define TAKE 1
#define CREATE 2
#define RENEW 3
#define REPIN 4
#define RELEASE 5
byte asks[N];
byte asks_expiry[N];
byte asks_earliest[N];
byte asks_token[N];             /* of a release; what else there is names the row's */
bool asks_waited[N];            /* F11 */
bool unwaited[N];               /* nobody waits for it */
bool dead[N];                   /* the process that sent it is */

#define ACTS(i) (held[i] != 0 && until[i] > now && now > held_safe[i])
#define IN_ORDER(i) (!ACTS(i) || !superseded[i])
#define SENDER(i) (dead[i] -> NOBODY : i)

inline check() {
  claim(one_leader, !(ACTS(0) && ACTS(1)));
  claim(acts_in_token_order, IN_ORDER(0) && IN_ORDER(1));
  superseded[0] = superseded[0] || held[0] != 0 && ACTS(1) && held[1] > held[0];
  superseded[1] = superseded[1] || held[1] != 0 && ACTS(0) && held[0] > held[1]
}

inline clear(i) {
  asks[i] = IDLE;
  asks_expiry[i] = 0;
  asks_earliest[i] = 0;
  asks_token[i] = 0;
  asks_waited[i] = false;
  unwaited[i] = false;
  dead[i] = false
}

inline drop(i) {
  dropped = dropped || exists && owner == i && token == held[i];
  held[i] = 0;
  until[i] = 0;
  held_safe[i] = 0;
  stale[i] = false;
  superseded[i] = false;
  unwaited[i] = asks[i] != IDLE
}

/* T0 is a reading that was taken after the epoch was seen. */
inline see_epoch(i) {
  wait[i] = (!knows[i] && foreign -> WAIT + 1 : wait[i]);
  knows[i] = true
}

#define IS_MINE(i) (held[i] == 0 && exists && owner == i && !released && !foreign && !dropped)

/* The answer to a read, and to a take. */
inline see_row(i) {
  see_epoch(i);
  if
  :: IS_MINE(i) ->
       held[i] = token;
       until[i] = (expires > now -> expires : 0);
       held_safe[i] = safe;
       printf("time %d, node %d: holds token %d until %d\n", now, i, token, expires)
  :: else
  fi
}

/* The answer to a statement that was to keep the lease. */
inline keep(i) {
  until[i] = (expires > now -> GREATEST(until[i], expires) : until[i]);
  stale[i] = false;
  printf("time %d, node %d: hears that token %d is held until %d\n", now, i, held[i], expires)
}

/* The row has a new token: what names the one before is dead. */
inline outdate(i) {
  if
  :: asks[i] == TAKE && PLANTED != take_unpinned || asks[i] == REPIN ||
     asks[i] == CREATE && exists && deletes == DELETES ||
     asks[i] == RENEW && PLANTED != renew_unpinned -> clear(i)
  :: else
  fi
}

inline grant(i, new_token) {
  owner = SENDER(i);
  token = new_token;
  expires = asks_expiry[i];
  released = false;
  foreign = false;
  dropped = false;
  grants++;
  wait[0] = 0;
  wait[1] = 0;
  claim(tokens_grow, token > top);
  top = GREATEST(top, token);
  printf("time %d, store: grants token %d to node %d until %d\n", now, token, owner, expires);
  outdate(1 - i)
}

/* What the clock says of a token, when `expiry` was made of its `latest`. */
#define HINT(i, more) (TICK * (asks_expiry[i] - L + (more)) + grants + creates)

inline execute(i, answered) {
  if
  :: asks[i] == TAKE && (PLANTED != take_unpinned || asks_token[i] == token) &&
     (foreign -> asks_waited[i] : (released || expires < asks_earliest[i])) ->
       probe(taken_after_the_wait, foreign);
       safe = (foreign -> (PLANTED == wait_after_take -> asks_expiry[i] - L + WAIT : 0) :
               (unheld && PLANTED != create_without_cool_off -> asks_expiry[i] - L + WAIT : safe));
       new = (PLANTED == token_restarts -> 0 : HINT(i, (foreign || unheld -> 2 * W : 0)));
       new = GREATEST(new, token + 1);
       unheld = false;
       grant(i, new);
       if
       :: answered && !unwaited[i] -> see_row(i)
       :: else
       fi
  :: asks[i] == CREATE && !exists && PLANTED != create_takes ->
       exists = true;
       unheld = true;
       owner = NOBODY;
       token = (PLANTED == token_restarts -> 1 : HINT(i, 2 * W));
       creates++;
       expires = 0;
       safe = 0;
       released = true;
       foreign = false;
       dropped = false;
       printf("time %d, store: the row is created with token %d\n", now, token);
       outdate(1 - i);
       if
       :: answered && !unwaited[i] -> see_row(i)
       :: else
       fi
  :: asks[i] == CREATE && !exists && PLANTED == create_takes ->
       exists = true;
       safe = asks_expiry[i] - L + WAIT;
       new = HINT(i, 2 * W);
       grant(i, new);
       if
       :: answered && !unwaited[i] -> see_row(i)
       :: else
       fi
  :: (asks[i] == RENEW || asks[i] == REPIN) && exists && owner == SENDER(i) && !released &&
     (!foreign || asks[i] == REPIN || PLANTED == renew_unpinned) &&
     (PLANTED != renew_unpinned || token == held[i]) ->
       probe(repinned_over_a_lost_renewal, asks[i] == REPIN && expires < until[i]);
       probe(repinned, asks[i] == REPIN);
       expires = GREATEST(expires, asks_expiry[i]);
       foreign = foreign && asks[i] != REPIN;
       printf("time %d, store: token %d is kept until %d\n", now, token, expires);
       if
       :: answered && !unwaited[i] -> keep(i)
       :: else
       fi
  :: asks[i] == RELEASE && exists && owner == SENDER(i) && token == asks_token[i] ->
       released = true;
       printf("time %d, store: token %d is released\n", now, token)
  :: else
  fi;
  new = 0;
  clear(i);
  check()
}

/* What a node has of the epoch before. */
inline forget_epoch(i) {
  knows[i] = false;
  wait[i] = 0;
  stale[i] = held[i] != 0;
  probe(pinned_statement_comes_too_late, asks[i] == TAKE || asks[i] == REPIN);
  if
  :: asks[i] == TAKE && PLANTED != take_unpinned || asks[i] == CREATE || asks[i] == REPIN ||
     asks[i] == RENEW && PLANTED != renew_unpinned -> clear(i)
  :: else
  fi
}

/* After the last promotion nobody asks the standby any more. */
inline forget_copy() {
  if
  :: promotions == PROMOTIONS ->
       copy_exists = false;
       copy_owner = NOBODY;
       copy_token = 0;
       copy_expires = 0;
       copy_safe = 0;
       copy_unheld = false;
       copy_released = false
  :: else
  fi
}

#define BEFORE_THE_END (now < TIME)

active [N] proctype node() {
  byte after;
end:
  do
  :: d_step { /* a read */
       (asks[_pid] == IDLE || unwaited[_pid]) && (!knows[_pid] || IS_MINE(_pid)) ->
       see_row(_pid);
       check()
     }
  :: atomic { /* R3, R5, F11 */
       held[_pid] == 0 && asks[_pid] == IDLE && exists && knows[_pid] && grants < GRANTS &&
       (foreign -> (wait[_pid] == 0 || PLANTED == take_foreign_at_once ||
                              PLANTED == wait_after_take)
                 : (released || expires < now)) ->
       read_latest();
       d_step {
         asks[_pid] = TAKE;
         asks_expiry[_pid] = now + after + L;
         asks_earliest[_pid] = now;
         asks_waited[_pid] = foreign || PLANTED == take_unpinned;
         asks_token[_pid] = (PLANTED == take_unpinned -> token : 0);
         printf("time %d, node %d: asks to take, over token %d\n", now, _pid, token);
         after = 0
       }
     }
  :: atomic { /* R8 */
       held[_pid] == 0 && asks[_pid] == IDLE && !exists && knows[_pid] && grants < GRANTS ->
       read_latest();
       d_step {
         asks[_pid] = CREATE;
         asks_expiry[_pid] = now + after + L;
         printf("time %d, node %d: asks to create the row\n", now, _pid);
         after = 0
       }
     }
  :: atomic { /* R6, F12; of a row that is another's nothing is asked that could succeed */
       held[_pid] != 0 && asks[_pid] == IDLE && BEFORE_THE_END && exists && token == held[_pid] &&
       owner == _pid && !released && knows[_pid] &&
       (until[_pid] > now || stale[_pid] && PLANTED == repin_after_expiry) ->
       read_latest();
       d_step {
         if
         :: now + after < until[_pid] && (!stale[_pid] || ACTS(_pid)) ||
            stale[_pid] && PLANTED == repin_after_expiry ->
              asks[_pid] = (stale[_pid] -> REPIN : RENEW);
              asks_expiry[_pid] = GREATEST(until[_pid], now + after + L);
              printf("time %d, node %d: asks to keep token %d until %d\n", now, _pid, held[_pid],
                     asks_expiry[_pid])
         :: else
         fi;
         after = 0
       }
     }
  :: d_step { /* the clock, or an answer, says that it is over */
       held[_pid] != 0 ->
       printf("time %d, node %d: drops token %d\n", now, _pid, held[_pid]);
       drop(_pid);
       check()
     }
  :: d_step { /* R7 */
       !CALM && held[_pid] != 0 && asks[_pid] == IDLE && BEFORE_THE_END ->
       printf("time %d, node %d: releases token %d\n", now, _pid, held[_pid]);
       asks[_pid] = RELEASE;
       asks_token[_pid] = held[_pid];
       drop(_pid);
       check()
     }
  :: d_step { /* no answer in time */
       !CALM && asks[_pid] != IDLE && !unwaited[_pid] ->
       unwaited[_pid] = true;
       printf("time %d, node %d: waits for the store no longer\n", now, _pid)
     }
  :: d_step { /* a crash; the next incarnation is another owner, and knows nothing */
       !CALM && (held[_pid] != 0 || asks[_pid] != IDLE && !dead[_pid]) ->
       printf("time %d, node %d: crashes, and starts anew\n", now, _pid);
       drop(_pid);
       dead[_pid] = asks[_pid] != IDLE;
       owner = (owner == _pid -> NOBODY : owner);
       copy_owner = (copy_owner == _pid -> NOBODY : copy_owner);
       knows[_pid] = false;
       wait[_pid] = 0;
       check()
     }
  od
}

/* A2, and what may happen to a store. */
active proctype database() {
  byte new;
end:
  do
  :: d_step { asks[0] != IDLE -> execute(0, true) }
  :: d_step { asks[1] != IDLE -> execute(1, true) }
  :: d_step { !CALM && asks[0] != IDLE && !unwaited[0] -> execute(0, false) }
  :: d_step { !CALM && asks[1] != IDLE && !unwaited[1] -> execute(1, false) }
  :: d_step { !CALM && asks[0] != IDLE -> clear(0) }
  :: d_step { !CALM && asks[1] != IDLE -> clear(1) }
  :: d_step { /* the standby follows */
       promotions < PROMOTIONS ->
       copy_exists = exists;
       copy_owner = owner;
       copy_token = token;
       copy_expires = expires;
       copy_safe = safe;
       copy_unheld = unheld;
       copy_released = released
     }
  :: d_step {
       promotions < PROMOTIONS ->
       probe(a_live_lease_is_lost, token != copy_token && (ACTS(0) || ACTS(1)));
       probe(second_promotion_under_a_lease, promotions == 1 && (ACTS(0) || ACTS(1)));
       promotions++;
       exists = copy_exists;
       owner = copy_owner;
       token = copy_token;
       expires = (copy_released || copy_owner == NOBODY -> 0 : copy_expires);
       safe = copy_safe;
       unheld = copy_unheld;
       released = copy_released;
       foreign = exists;
       dropped = false;
       forget_epoch(0);
       forget_epoch(1);
       printf("time %d, store: a promotion; the row has token %d of node %d until %d\n", now,
              token, owner, expires);
       forget_copy()
     }
  :: d_step {
       deletes < DELETES && exists ->
       probe(a_live_row_is_deleted, ACTS(0) || ACTS(1));
       deletes++;
       exists = false;
       owner = NOBODY;
       token = 0;
       expires = 0;
       safe = 0;
       unheld = false;
       released = false;
       foreign = false;
       dropped = false;
       outdate(0);
       outdate(1);
       printf("time %d, store: somebody deletes the row\n", now)
     }
  od
}

active proctype time() {
end:
  do
  :: d_step {
       BEFORE_THE_END ->
       now++;
       probe(who_created_acts, (ACTS(0) && held_safe[0] != 0) || (ACTS(1) && held_safe[1] != 0));
       until[0] = (until[0] > now -> until[0] : 0);
       until[1] = (until[1] > now -> until[1] : 0);
       wait[0] = (wait[0] != 0 -> wait[0] - 1 : 0);
       wait[1] = (wait[1] != 0 -> wait[1] - 1 : 0);
       check()
     }
  od
}

/* Views: claimed, committed, published: S2, S3, S4, S6.

   What lease.pml and epoch.pml show is taken from them: tenures follow one another, each with a
   greater token, and whoever leads no more publishes nothing. So there is one tenure at a time;
   when it ends, anywhere, its statement may still be at the store, and be executed late.

   A view is (token, sequence) and a list. A list says of each member that it is in, that it was
   removed, or nothing; so a member that is missing in a later list without being removed was lost.
   The store may be rolled back to an older row under another epoch, as in epoch.pml. The answer to
   a claim tells the store's epoch: a tenure knows it before it chooses where to start from.
   `base_before_epoch` trusts what the lease heard before. A claim leaves to the list the token
   under which it was committed; `judge_by_row` takes the row's. */

/* run: TENURES=3 COMMITS=3 ROLLBACKS=0 */
/* run: TENURES=3 COMMITS=2 ROLLBACKS=1 */
/* run --full: TENURES=2 COMMITS=3 ROLLBACKS=1 */
/* run --full: CALM=1 TENURES=3 COMMITS=3 ROLLBACKS=2 */

/* Sizes: how many tenures, statements that commit, and rollbacks there are at most. Two nodes may
   lead; a third member only follows. */
#ifndef TENURES
#define TENURES 2
#endif
#ifndef COMMITS
#define COMMITS 3
#endif
#ifndef ROLLBACKS
#define ROLLBACKS 0
#endif
/* 1: every statement is executed at once, and its answer comes. */
#ifndef CALM
#define CALM 0
#endif

/* Planted faults, each named as in src/base/mutant.h unless it is marked `here`. The columns:
   number, rule, the claims that must fail. */
#define publish_uncommitted 1    /* mutant: S3, published_is_committed */
#define commit_without_claim 2   /* mutant: S3, row_goes_forward nobody_lost TENURES=3 */
#define forget_members 3         /* mutant: S3, nobody_lost */
#define accept_older_view 4      /* mutant: S2, members_go_forward */
#define start_from_own_view 5    /* mutant, here: S3, nobody_lost */
#define publish_without_lease 6  /* mutant, here: S4, published_in_order */
#define number_used_twice 7      /* mutant, here: S3, one_content ROLLBACKS=1 */
#define believe_the_id 8 /* mutant, here: S3, published_is_committed COMMITS=2 ROLLBACKS=1 */
#define skip_gathering 9         /* mutant, here: S3, nobody_lost COMMITS=2 ROLLBACKS=1 */
#define base_before_epoch 10     /* mutant, here: S3, nobody_lost COMMITS=2 ROLLBACKS=1 */
#define judge_by_row 11 /* mutant, here: S3, nobody_lost CALM=1 TENURES=3 COMMITS=2 ROLLBACKS=1 */

/* What must be reachable, or the claims say nothing. */
#define third_tenure_publishes 1    /* probe: TENURES=3 */
#define late_commit_lands 2         /* probe */
#define late_commit_is_fenced 3     /* probe */
#define unknown_commit_had_happened 4 /* probe */
#define unknown_commit_comes_later 5 /* probe */
#define published_view_is_rolled_back 6 /* probe: COMMITS=2 ROLLBACKS=1 */
#define gathering_finds_what_the_row_lost 7 /* probe: COMMITS=2 ROLLBACKS=1 */
#define row_is_healed 8             /* probe: ROLLBACKS=1 */
#define older_view_is_refused 9     /* probe */
#define member_is_removed 10        /* probe */

#define claim_published_is_committed 1
#define claim_row_goes_forward 2
#define claim_nobody_lost 3
#define claim_members_go_forward 4
#define claim_published_in_order 5
#define claim_one_content 6

#include "claims.h"

/* A list: three bits for who is in, three for who was removed. */
#define IN(list, who) (((list) >> (who)) & 1)
#define JOIN(list, who) (((list) | (1 << (who))) & ~(8 << (who)))
#define REMOVE(list, who) (((list) & ~(1 << (who))) | (8 << (who)))
#define MEMBERS(list) ((list) & 7)
#define REMOVED(list) (((list) >> 3) & 7)
#define BEFORE(t1, s1, t2, s2) ((t1) < (t2) || (t1) == (t2) && (s1) < (s2))

typedef view {
  byte token;
  byte sequence;
  byte list
}
#define SET(to, from) \
  to.token = from.token; \
  to.sequence = from.sequence; \
  to.list = from.list
#define CLEAR(it) \
  it.token = 0; \
  it.sequence = 0; \
  it.list = 0
#define OLDER(a, b) BEFORE(a.token, a.sequence, b.token, b.sequence)

/* The row, and an older one to which it may be rolled back. */
view row;
byte row_list_token;            /* under which its list was committed; a claim leaves it alone */
byte row_epoch;
view backup;
byte backup_list_token;
byte backup_epoch;
byte epoch;
byte commits;

/* The tenure. */
byte token;                     /* 0: none */
byte tokens;                    /* the greatest that was granted */
byte node;                      /* who leads */
byte node_epoch;                /* the store's, as the lease has it */
#define READING 0
#define LEADING 1
byte phase;
bool ready;
bool row_known;
byte seen_token;                /* of the row, if it is known */
byte seen_sequence;
bool has_first;                 /* `first` is what the row was before the claim */
view first;
byte first_epoch;
view known;                     /* the newest view that the leader heard of */
view current;                   /* committed by this tenure, or the base of its first view */
byte attempted;
bool unsure;
view doubtful;                  /* committed, or not: the answer was lost */

/* A statement at the store, and one of a tenure that is over. */
#define IDLE 0
#define CLAIM 1
#define COMMIT 2
byte asks;
byte asks_token;                /* of the claim, or the row that the commit expects */
byte asks_sequence;
view asks_view;
byte late;
byte late_token;
byte late_sequence;
view late_view;
byte late_epoch;

/* What members have: those two that may lead. */
view has[2];

/* Published: the newest, and one before. */
view newest;
view earlier;
bool excused;                   /* the newest was lost, and nobody who had it was reached */

/* One id, any, is watched: what was committed, and published, under it. */
byte watched_token;
byte watched_sequence;
bool watched_committed;
bool watched_seen;
byte watched_list;
#define WATCHED(it) (it.token == watched_token && it.sequence == watched_sequence)

#include "views_steps.h"

active proctype leader() {
  byte change;
  bool fresh, landed;
  view seen;
end:
  do
  :: atomic { /* a tenure begins */
       token == 0 && tokens < TENURES ->
       if
       :: node = 0
       :: node = 1
       fi;
       d_step {
         tokens++;
         token = tokens;
         node_epoch = epoch;
         SET(known, has[node]);
         printf("node %d: leads under token %d\n", node, token)
       }
     }
  :: atomic { /* and ends, wherever it is; what is at the store stays there, or not */
       token != 0 && (tokens < TENURES || asks != IDLE) ->
       if
       :: !CALM && asks != IDLE && late == IDLE ->
            d_step {
              late = asks;
              late_token = asks_token;
              late_sequence = asks_sequence;
              SET(late_view, asks_view);
              late_epoch = node_epoch
            }
       :: true
       fi;
       d_step {
         printf("node %d: leads no more\n", node);
         fresh = false;
         end_tenure()
       }
     }
  :: d_step { /* F12: the lease was kept over a change of the epoch */
       token != 0 && node_epoch != epoch && asks == IDLE ->
       node_epoch = epoch;
       if
       :: ready -> know_nothing()
       :: else
       fi
     }
  :: d_step { /* a read */
       token != 0 && asks == IDLE && !row_known ->
       see_row();
       printf("node %d: reads (%d, %d)\n", node, row.token, row.sequence)
     }
  :: d_step {
       token != 0 && asks == IDLE && row_known && seen_token < token ->
       asks = CLAIM;
       asks_token = token;
       printf("node %d: asks to claim the row\n", node)
     }
  :: d_step { /* deposed */
       token != 0 && asks == IDLE && row_known && seen_token > token ->
       fresh = false;
       end_tenure()
     }
  :: atomic {
       token != 0 && asks == IDLE && CLAIMED && phase == READING ->
       /* Told by the claim's answer. See docs/models.md. */
       node_epoch = (PLANTED == base_before_epoch -> node_epoch : epoch);
       if
       :: first_epoch != node_epoch && PLANTED != skip_gathering &&
          OLDER(known, has[1 - node]) -> SET(known, has[1 - node])
       :: true
       fi;
       d_step { choose_base() }
     }
  :: atomic {
       token != 0 && asks == IDLE && CLAIMED && phase == LEADING && commits < COMMITS ->
       if
       :: change = 0
       :: change = 1
       :: change = 2
       :: change = 3
       :: IN(current.list, 2) -> change = 6
       :: IN(current.list, 1 - node) -> change = 5 - node
       fi;
       d_step { name_view() }
       if
       :: watched_token == 0 -> /* perhaps it is this one that is watched */
            watched_token = asks_view.token;
            watched_sequence = asks_view.sequence
       :: true
       fi;
       d_step { submit_commit() }
     }
  :: d_step { /* a statement is executed, and its answer comes */
       asks != IDLE ->
       execute();
       hear()
     }
  :: d_step { /* executed, and the answer is lost */
       !CALM && asks != IDLE ->
       execute();
       landed = false;
       doubt();
       clear_asks()
     }
  :: atomic { /* executed later, perhaps */
       !CALM && asks != IDLE ->
       if
       :: late == IDLE ->
            d_step {
              late = asks;
              late_token = asks_token;
              late_sequence = asks_sequence;
              SET(late_view, asks_view);
              late_epoch = node_epoch
            }
       :: true
       fi;
       d_step {
         doubt();
         clear_asks()
       }
     }
  :: d_step { /* S4: R1 is asked once more; a view that is not published is followed by others */
       fresh ->
       PUBLISH(current);
       SET(has[node], current);
       fresh = false
     }
  :: d_step {
       late != IDLE ->
       if
       :: late == CLAIM && row.token < late_token ->
            row.token = late_token;
            printf("store: a late claim, the row is (%d, %d)\n", row.token, row.sequence)
       :: late == COMMIT && EXPECTED(late_token, late_sequence) ->
            probe(late_commit_lands, token != 0 && late_view.token < token);
            probe(unknown_commit_comes_later, late_view.token == token && !row_known && unsure);
            COMMIT_ROW(late_view, late_epoch);
            if
            :: PLANTED == publish_without_lease -> PUBLISH(late_view)
            :: else
            fi
       :: else ->
            probe(late_commit_is_fenced, late == COMMIT && row.token > late_view.token)
       fi;
       clear_late()
     }
  od
}

/* S2: a member hears of the newest view, or of the one before, whenever. */
#define OFFER(i, it) \
  if \
  :: OLDER(has[i], it) || PLANTED == accept_older_view -> \
       claim(members_go_forward, !OLDER(it, has[i])); \
       SET(has[i], it) \
  :: else -> probe(older_view_is_refused, OLDER(it, has[i])) \
  fi

active proctype members() {
end:
  do
  :: d_step { newest.token != 0 -> OFFER(0, newest) }
  :: d_step { newest.token != 0 -> OFFER(1, newest) }
  :: d_step { earlier.token != 0 -> OFFER(0, earlier) }
  :: d_step { earlier.token != 0 -> OFFER(1, earlier) }
  od
}

active proctype store() {
end:
  do
  :: d_step {
       epoch < ROLLBACKS ->
       SET(backup, row);
       backup_list_token = row_list_token;
       backup_epoch = row_epoch
     }
  :: d_step {
       epoch < ROLLBACKS ->
       probe(published_view_is_rolled_back, OLDER(backup, newest) && !OLDER(row, newest));
       epoch++;
       SET(row, backup);
       row_list_token = backup_list_token;
       row_epoch = backup_epoch;
       printf("store: a promotion, the row is (%d, %d)\n", row.token, row.sequence)
     }
  od
}

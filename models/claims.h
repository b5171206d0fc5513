/* What the models share. The runner (scripts/models.py) plants one fault with PLANTED, checks one
   claim alone with ONLY, and asks with PROBE whether something can happen at all. */

#ifndef PLANTED
#define PLANTED 0
#endif
#ifndef ONLY
#define ONLY 0
#endif
#ifndef PROBE
#define PROBE 0
#endif

/* Must always hold. */
#define claim(name, what) \
  if \
  :: (what) || (ONLY != 0 && ONLY != claim_##name) \
  :: else -> \
       printf("violated: "); printf(#name); printf("\n"); \
       assert(false) \
  fi

/* Must not always hold: the search for it ends with an error. */
#define probe(name, what) assert(PROBE != name || !(what))

/* What a reading says at most. It is an interval of at most W with true time in it. What it says
   at least matters only to takes, for which the store asks that it be late enough: a take whose
   reading began before true time is one that fails more often, and every take may fail, for it may
   be lost. So `earliest` is true time itself, the best that a taker can hope for. */
inline read_latest() {
  do
  :: after < W -> after++
  :: true -> break
  od
}

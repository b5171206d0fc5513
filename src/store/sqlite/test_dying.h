#pragma once
// A process that is killed in the middle of what SQLite does to its files.

namespace hedgerow::store::sqlite {

// From now on SQLite counts, in this process, each write, sync, truncation, deletion and change of
// a lock. Before the one with number `at` is done, counted from 1, the process kills itself as by
// kill -9. Once, before any connection is opened; for one thread.
void die_at_call(int at);

}  // namespace hedgerow::store::sqlite

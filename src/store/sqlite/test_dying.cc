#include "store/sqlite/test_dying.h"

#include <csignal>
#include <cstdlib>

#include <sqlite3.h>
#include <unistd.h>

namespace hedgerow::store::sqlite {
namespace {

int calls_left = 0;
sqlite3_vfs* system_vfs = nullptr;

void count() {
  if (--calls_left == 0) kill(getpid(), SIGKILL);
}

// SQLite's own file stands behind it in memory.
struct counted_file {
  sqlite3_file base;
};

sqlite3_file* inner(sqlite3_file* f) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<counted_file*>(f) + 1);
}

const sqlite3_io_methods& of(sqlite3_file* f) {
  return *inner(f)->pMethods;
}

int close_file(sqlite3_file* f) {
  return of(f).xClose(inner(f));
}
int read(sqlite3_file* f, void* to, int size, sqlite3_int64 at) {
  return of(f).xRead(inner(f), to, size, at);
}
int write(sqlite3_file* f, const void* from, int size, sqlite3_int64 at) {
  count();
  return of(f).xWrite(inner(f), from, size, at);
}
int truncate(sqlite3_file* f, sqlite3_int64 size) {
  count();
  return of(f).xTruncate(inner(f), size);
}
int sync(sqlite3_file* f, int flags) {
  count();
  return of(f).xSync(inner(f), flags);
}
int file_size(sqlite3_file* f, sqlite3_int64* size) {
  return of(f).xFileSize(inner(f), size);
}
int lock(sqlite3_file* f, int kind) {
  count();
  return of(f).xLock(inner(f), kind);
}
int unlock(sqlite3_file* f, int kind) {
  count();
  return of(f).xUnlock(inner(f), kind);
}
int check_reserved_lock(sqlite3_file* f, int* out) {
  return of(f).xCheckReservedLock(inner(f), out);
}
int file_control(sqlite3_file* f, int what, void* with) {
  return of(f).xFileControl(inner(f), what, with);
}
int sector_size(sqlite3_file* f) {
  return of(f).xSectorSize(inner(f));
}
int device_characteristics(sqlite3_file* f) {
  return of(f).xDeviceCharacteristics(inner(f));
}
int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** to) {
  return of(f).xShmMap(inner(f), page, size, extend, to);
}
int shm_lock(sqlite3_file* f, int offset, int n, int flags) {
  count();
  return of(f).xShmLock(inner(f), offset, n, flags);
}
void shm_barrier(sqlite3_file* f) {
  of(f).xShmBarrier(inner(f));
}
int shm_unmap(sqlite3_file* f, int remove) {
  count();
  return of(f).xShmUnmap(inner(f), remove);
}
int fetch(sqlite3_file* f, sqlite3_int64 at, int size, void** to) {
  return of(f).xFetch(inner(f), at, size, to);
}
int unfetch(sqlite3_file* f, sqlite3_int64 at, void* what) {
  return of(f).xUnfetch(inner(f), at, what);
}

constexpr sqlite3_io_methods counting{3,
                                      close_file,
                                      read,
                                      write,
                                      truncate,
                                      sync,
                                      file_size,
                                      lock,
                                      unlock,
                                      check_reserved_lock,
                                      file_control,
                                      sector_size,
                                      device_characteristics,
                                      shm_map,
                                      shm_lock,
                                      shm_barrier,
                                      shm_unmap,
                                      fetch,
                                      unfetch};

int open_file(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* f, int flags, int* out_flags) {
  const int code = system_vfs->xOpen(system_vfs, name, inner(f), flags, out_flags);
  f->pMethods = inner(f)->pMethods != nullptr ? &counting : nullptr;
  return code;
}

int delete_file(sqlite3_vfs* /*vfs*/, const char* name, int sync_folder) {
  count();
  return system_vfs->xDelete(system_vfs, name, sync_folder);
}

}  // namespace

void die_at_call(int at) {
  static sqlite3_vfs vfs;
  calls_left = at;
  system_vfs = sqlite3_vfs_find(nullptr);
  vfs = *system_vfs;
  vfs.pNext = nullptr;
  vfs.zName = "dying";
  vfs.szOsFile += static_cast<int>(sizeof(counted_file));
  vfs.xOpen = open_file;
  vfs.xDelete = delete_file;
  if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK) std::abort();
}

}  // namespace hedgerow::store::sqlite

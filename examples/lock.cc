// Counts in a file, one process at a time. Start it several times at once: no number comes twice.
#include <cstdio>
#include <fstream>
#include <string>

#include <hedgerow/lock.h>

namespace {

// The file holds a number and the token of who wrote it: a lower token is refused, as whatever a
// lock protects should do. (A file can't check and write in one step; a database can, see
// docs/locks.md.)
bool count_once(const std::string& path, hedgerow::fencing_token token) {
  long number = 0;
  hedgerow::fencing_token written_under = 0;
  std::ifstream(path) >> number >> written_under;
  if (written_under > token) return false;
  std::ofstream(path) << number + 1 << " " << token << "\n";
  std::printf("%ld\n", number + 1);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string path = argc > 1 ? argv[1] : "count.txt";
  auto space = hedgerow::lock_space::open();
  if (!space) return std::fprintf(stderr, "%s\n", space.error().message().c_str()), 1;

  hedgerow::lock_options options;
  options.name = "count";
  options.on_lost = [](hedgerow::fencing_token, const std::string& why) {
    std::fprintf(stderr, "lost: %s\n", why.c_str());
  };
  auto lock = hedgerow::lock::open(*space, options);
  if (!lock) return std::fprintf(stderr, "%s\n", lock.error().message().c_str()), 1;

  // The first use of all waits for one lease.
  for (int turn = 0; turn < 10; ++turn) {
    const auto token = (*lock)->acquire(std::chrono::seconds{30});
    if (!token) return std::fprintf(stderr, "%s\n", token.error().message().c_str()), 1;
    if (!(*lock)->held() || !count_once(path, *token)) return 1;
    (*lock)->release();
  }
  return 0;
}

#include "store/test_store.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include "store/patience.h"

namespace hedgerow::store {
namespace {

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::abort();
}

// A store that is gone may still be closing its file.
bool store_threads_ended() {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::ifstream(task.path() / "comm") >> name;
    if (name.starts_with("hedgerow-")) return false;
  }
  return true;
}

}  // namespace

temporary_folder::temporary_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "hedgerow-store-XXXXXX").native();
  if (mkdtemp(name.data()) == nullptr) give_up("no temporary folder");
  path = name;
}

temporary_folder::~temporary_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

std::function<void(std::function<void()>)> test_loop::post() {
  return [to = posted_](std::function<void()> call) {
    const std::lock_guard lock(to->mutex);
    to->calls.push_back(std::move(call));
  };
}

bool test_loop::run_until(const std::function<bool()>& done) {
  const boot_time limit = boot_now() + seconds(20);
  for (;;) {
    std::vector<std::function<void()>> calls;
    {
      const std::lock_guard lock(posted_->mutex);
      calls.swap(posted_->calls);
    }
    for (const auto& call : calls)
      call();
    if (done()) return true;
    if (boot_now() >= limit) return false;
    std::this_thread::yield();
  }
}

test_store::test_store(lanes::options how, row_key key) {
  how.open_patience = seconds(20);
  auto opened = lanes::open(how);
  if (!opened) give_up(opened.error().message());
  connections = std::move(*opened);
  store = std::make_unique<row_store>(connections, std::move(key), &loop, loop.post());
}

test_store::test_store(std::shared_ptr<lanes> over, row_key key) : connections(std::move(over)) {
  store = std::make_unique<row_store>(connections, std::move(key), &loop, loop.post());
}

ports::lease_reply test_store::execute(const ports::lease_request& request, nanoseconds patience) {
  const auto id = next++;
  store->submit(id, request, patience);
  if (!loop.run_until([&] { return loop.leases.contains(id); })) give_up("no lease reply");
  return loop.leases[id];
}

ports::view_reply test_store::execute(const ports::view_request& request, nanoseconds patience) {
  const auto id = next++;
  store->submit(id, request, patience);
  if (!loop.run_until([&] { return loop.views.contains(id); })) give_up("no view reply");
  return loop.views[id];
}

test_process::test_process(const std::function<std::string()>& work) {
  if (!test_loop().run_until(store_threads_ended)) give_up("a store does not end");
  int ends[2];
  if (pipe(ends) != 0) give_up("no pipe");
  child_ = fork();
  if (child_ < 0) give_up("no process");
  if (child_ == 0) {
    const std::string text = work();
    _exit(write(ends[1], text.data(), text.size()) < 0 ? 1 : 0);
  }
  close(ends[1]);
  from_child_ = ends[0];
}

std::string test_process::answer() {
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(from_child_, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  close(from_child_);
  int status = 0;
  waitpid(child_, &status, 0);
  return status == 0 ? text : text + " (the child ended badly)";
}

}  // namespace hedgerow::store

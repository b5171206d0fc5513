#pragma once
// Sees commits of other processes to a SQLite file, by its write-ahead log.
//
// The kernel tells of the bytes (inotify), which come before the commit can be seen: SQLite syncs
// the log first. So each burst of writes leads to a few calls with growing gaps.

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "store/change_watch.h"

namespace hedgerow::store::sqlite {

class change_watch final : public store::change_watch {
 public:
  // Null if the folder can't be watched (it is not there, or the user has too many watches).
  static std::unique_ptr<change_watch> open(const std::filesystem::path& file,
                                            std::function<void()> on_change);
  ~change_watch() override;
  change_watch(const change_watch&) = delete;
  change_watch& operator=(const change_watch&) = delete;

 private:
  change_watch(int events, int stop, std::string log_name, std::function<void()> on_change);
  void run();
  bool take_events() const;

  int events_;
  int stop_;
  std::string log_name_;
  std::function<void()> on_change_;
  std::thread thread_;
};

}  // namespace hedgerow::store::sqlite

#pragma once
// One lock of a space, on the loop's thread: its engine, its row, and who waits for answers.

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <hedgerow/lock.h>

#include "node/engine/lock_engine.h"
#include "node/host.h"
#include "ports/timers.h"
#include "store/row_store.h"

namespace hedgerow {

using acquire_callback = once<result<fencing_token>>;

class lock_candidate;

// What a candidate needs of its space. On the loop's thread.
class candidate_home {
 public:
  virtual ~candidate_home() = default;
  virtual void wake_at(lock_candidate& who, boot_time at) = 0;
  // Its row is free: others of the name should look.
  virtual void freed(lock_candidate& who) = 0;
  // Waits for another holder, or not any more.
  virtual void queued(lock_candidate& who, bool waits) = 0;
  // To be let go of, and then `done` called.
  virtual void closed(lock_candidate& who, std::function<void()> done) = 0;
};

// Confined to the loop's thread, except where a function says otherwise.
class lock_candidate final : private engine::lock_listener,
                             private ports::timers,
                             private ports::store_listener {
 public:
  struct surroundings {
    candidate_home& home;
    ports::clock& clock;
    ports::log& log;
    std::shared_ptr<store::lanes> over;
    std::function<void(std::function<void()>)> post;
  };
  lock_candidate(surroundings around, lock_options with);
  ~lock_candidate() override = default;
  lock_candidate(const lock_candidate&) = delete;
  lock_candidate& operator=(const lock_candidate&) = delete;

  // `deadline`: none is an attempt.
  void acquire(std::optional<boot_time> deadline, acquire_callback&& done);
  void release(std::function<void()> done);
  // Says nothing to the user any more, releases, and asks its home to let it go. `done` is the last
  // thing that is heard of it.
  void close(std::function<void()> done);

  // It is closed. A statement may hang still, and its answer finds no way any more.
  void forget_store() { store_.close(); }

  void look() { engine_.look(); }
  void on_wake() { engine_.on_wake(); }

  // Any thread.
  leadership judge() const { return engine_.cell().judge(clock_.truth()); }
  fencing_token token() const { return engine_.cell().load().token; }
  const std::string& name() const { return name_; }

 private:
  void on_acquired(fencing_token token) override;
  void on_not_acquired(const error& why) override;
  void on_released() override;
  void on_suspended(fencing_token token) override;
  void on_resumed(fencing_token token) override;
  void on_lost(fencing_token token, const std::string& why) override;
  void on_extended(fencing_token token) override;
  void on_waiting(milliseconds how_long, const std::string& why) override;
  void on_queued() override { home_.queued(*this, true); }
  void on_freed() override { home_.freed(*this); }
  void on_store(bool available, const std::string& text) override;
  void answer(result<fencing_token> outcome);

  void wake_at(boot_time at) override { home_.wake_at(*this, at); }

  void on_lease_reply(ports::request_id id, const ports::lease_reply& reply) override {
    engine_.on_lease_reply(id, reply);
  }
  void on_view_reply(ports::request_id, const ports::view_reply&) override {}

  candidate_home& home_;
  ports::clock& clock_;
  const std::string name_;
  lock_options told_;  // the user's callbacks
  store::row_store store_;
  engine::lock_engine engine_;
  std::optional<acquire_callback> acquiring_;
  std::vector<std::function<void()>> releasing_;
  std::function<void()> closing_;
};

}  // namespace hedgerow

#include <future>
#include <optional>

#include <hedgerow/lock.h>

#include "node/lock_space.h"

namespace hedgerow {
namespace {

using std::chrono::milliseconds;

// None: an attempt.
std::optional<boot_time> deadline_of(milliseconds timeout) {
  if (timeout <= milliseconds{0}) return std::nullopt;
  return deadline_after(timeout);
}

}  // namespace

class lock::impl {
 public:
  impl(std::shared_ptr<lock_space> in, std::shared_ptr<lock_space::impl> space, lock_options with)
      : in_(std::move(in)), space_(std::move(space)), candidate_(space_->make(std::move(with))) {
    post([space = space_.get(), candidate = candidate_, keep = in_] {
      space->add(candidate, keep);
    });
  }

  ~impl() {
    const auto gone = std::make_shared<std::promise<void>>();
    post([candidate = candidate_, gone] { candidate->close([gone] { gone->set_value(); }); });
    if (!on_loop()) gone->get_future().get();
    // Not before: until then callbacks come, and may ask this object. It ends on its loop.
    post([candidate = std::move(candidate_)] {});
  }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  void acquire(std::optional<boot_time> deadline, acquire_callback done) {
    // std::function wants copies; what is in it goes exactly once, if not here, then with its end.
    const auto shared = std::make_shared<acquire_callback>(std::move(done));
    post([candidate = candidate_, deadline, shared] {
      candidate->acquire(deadline, std::move(*shared));
    });
  }
  result<fencing_token> acquire(std::optional<boot_time> deadline) {
    if (on_loop())
      return fail(errc::invalid_argument,
                  "a blocking call on the loop's thread would wait for itself");
    const auto promise = std::make_shared<std::promise<result<fencing_token>>>();
    acquire(deadline, acquire_callback([promise](result<fencing_token> outcome) {
              promise->set_value(std::move(outcome));
            }));
    return promise->get_future().get();
  }
  void release(std::function<void()> done) {
    // R7: on the loop at once. And behind it: an acquire that was asked before may still be queued.
    if (on_loop()) candidate_->release({});
    post([candidate = candidate_, done = std::move(done)] { candidate->release(done); });
  }
  void release() {
    if (on_loop()) {
      release({});
      return;
    }
    const auto promise = std::make_shared<std::promise<void>>();
    release([promise] { promise->set_value(); });
    promise->get_future().get();
  }

  const lock_candidate& candidate() const { return *candidate_; }

 private:
  bool on_loop() const { return space_->loop().on_loop_thread(); }
  void post(std::function<void()> task) { space_->loop().post(std::move(task)); }

  std::shared_ptr<lock_space> in_;
  std::shared_ptr<lock_space::impl> space_;
  std::shared_ptr<lock_candidate> candidate_;
};

lock::lock(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
lock::~lock() = default;

result<std::unique_ptr<lock>> lock::open(std::shared_ptr<lock_space> in, lock_options with) {
  if (!in) return fail(errc::invalid_argument, "a lock needs a lock space; open one first");
  if (auto ok = with.validate(); !ok) return tl::unexpected(std::move(ok).error());
  auto space = in->impl_;
  auto inside = std::make_unique<impl>(std::move(in), std::move(space), std::move(with));
  return std::unique_ptr<lock>(new lock(std::move(inside)));
}

result<fencing_token> lock::acquire(milliseconds timeout) {
  return impl_->acquire(deadline_of(timeout));
}
result<fencing_token> lock::try_acquire() {
  return impl_->acquire(std::nullopt);
}
void lock::acquire(milliseconds timeout, std::function<void(result<fencing_token>)> done) {
  impl_->acquire(deadline_of(timeout), acquire_callback(std::move(done)));
}
bool lock::held() const {
  return impl_->candidate().judge().leading();
}
std::chrono::microseconds lock::remaining() const {
  return impl_->candidate().judge().remaining;
}
fencing_token lock::token() const {
  return impl_->candidate().token();
}
const std::string& lock::name() const {
  return impl_->candidate().name();
}
void lock::release() {
  impl_->release();
}
void lock::release(std::function<void()> done) {
  impl_->release(std::move(done));
}

}  // namespace hedgerow

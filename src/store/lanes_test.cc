#include "store/lanes.h"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

#include "store/patience.h"

namespace hedgerow::store {
namespace {

// It is ready at its deadline, not sooner.
class slow_connection final : public connection {
 public:
  explicit slow_connection(std::shared_ptr<std::atomic<int>> opened) : opened_(std::move(opened)) {}

  result<void> ready(boot_time deadline) override {
    ++*opened_;
    std::promise<void> answer;  // which does not come
    answer.get_future().wait_for(deadline - boot_now());
    return {};
  }
  ports::lease_reply execute(const row_key&, const ports::lease_request&, boot_time) override {
    return {};
  }
  ports::view_reply execute(const row_key&, const ports::view_request&, boot_time) override {
    return {};
  }
  void cancel() noexcept override {}
  void close() override {}

 private:
  std::shared_ptr<std::atomic<int>> opened_;
};

TEST(lanes, have_one_deadline_for_the_opening_of_both) {
  const auto begun = std::make_shared<std::atomic<int>>(0);
  lanes::options how;
  how.connect = [begun] { return std::make_unique<slow_connection>(begun); };
  how.may_be_absent = true;
  how.open_patience = milliseconds(50);
  how.name = "slow";
  const auto opened = lanes::open(how);
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(*begun, 1) << "no time was left for the second";
}

}  // namespace
}  // namespace hedgerow::store

// Simulated clocks: honest intervals hold the true instant, and boot time can be turned round.

#include "sim/clock_model.h"

#include <gtest/gtest.h>

namespace hedgerow::sim {
namespace {

class clocks : public testing::TestWithParam<placement> {};

TEST_P(clocks, a_trusted_reading_holds_the_true_instant) {
  kernel world;
  swarm with = calm_swarm();
  with.readings = GetParam();
  clock_model model(world, with);
  for (int i = 0; i < 2'000; ++i) {
    world.now += 12'345'678 + i;
    const auto r = model.read(0).truth;
    ASSERT_TRUE(r.trusted(with.node.lease.max_error));
    EXPECT_LE(model.when(r.earliest), world.now);
    EXPECT_GE(model.when(r.latest), world.now);
  }
}
INSTANTIATE_TEST_SUITE_P(all, clocks,
                         testing::Values(placement::edges, placement::uniform, placement::early,
                                         placement::late));

TEST(clock_model, in_trouble_it_is_not_trusted_and_heals_by_itself) {
  kernel world;
  swarm with = calm_swarm();
  clock_model model(world, with);
  for (const auto what : {clock_trouble::unknown, clock_trouble::disrupted, clock_trouble::wide}) {
    model.trouble(0, what, second);
    EXPECT_FALSE(model.read(0).truth.trusted(with.node.lease.max_error));
    EXPECT_TRUE(model.read(1).truth.trusted(with.node.lease.max_error));
    const event cure = world.queue.pop();
    world.now = cure.at;
    model.on_event(cure);
    EXPECT_TRUE(model.read(0).truth.trusted(with.node.lease.max_error));
  }
}

TEST(clock_model, boot_time_and_back) {
  for (const bool boot : {false, true}) {
    kernel world;
    swarm with = calm_swarm();
    with.boot_scale = boot;
    with.drift_ppm_max = 10'000;
    with.seed = 5;
    clock_model model(world, with);
    for (true_time t = 0; t < 1'000 * second; t += 777'777'777) {
      const auto b = model.boot_at(1, t);
      const auto back = model.when_boot(1, b);
      EXPECT_GE(model.boot_at(1, back), b);
      EXPECT_LE(std::abs(back - t), 3 * microsecond);
    }
  }
}

TEST(clock_model, a_reboot_starts_the_scale_anew_under_another_epoch) {
  kernel world;
  swarm with = calm_swarm();
  with.boot_scale = true;
  clock_model model(world, with);
  const auto before = model.epoch();
  world.now = 200'000 * second;
  const auto old = model.read(0);
  model.reboot();
  EXPECT_NE(model.epoch(), before);
  EXPECT_LT(model.read(0).boot, old.boot);
  EXPECT_LT(model.read(0).truth.latest, old.truth.latest);
}

}  // namespace
}  // namespace hedgerow::sim

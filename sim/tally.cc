#include "sim/tally.h"

namespace hedgerow::sim {

std::string_view to_string(fault kind) {
  constexpr std::array<std::string_view, fault_kinds> names{"kill",
                                                            "power_loss",
                                                            "reboot",
                                                            "graceful_stop",
                                                            "restart",
                                                            "new_name",
                                                            "address_reuse",
                                                            "twin_name",
                                                            "pause",
                                                            "cut_pair",
                                                            "cut_one_way",
                                                            "cut_group",
                                                            "break_both_ends",
                                                            "break_one_end",
                                                            "own_host_error",
                                                            "queue_full",
                                                            "latency_spike",
                                                            "dial_refused",
                                                            "dial_other",
                                                            "dial_silent",
                                                            "store_failed",
                                                            "store_unknown",
                                                            "store_unknown_lost",
                                                            "store_silent",
                                                            "store_late",
                                                            "store_outage",
                                                            "store_frozen_for_one",
                                                            "store_promoted",
                                                            "lease_row_rolled_back",
                                                            "view_row_rolled_back",
                                                            "lease_row_deleted",
                                                            "clock_unknown",
                                                            "clock_disrupted",
                                                            "clock_wide",
                                                            "clock_error_moved",
                                                            "timer_late",
                                                            "timer_early",
                                                            "handler_slow",
                                                            "handler_inline",
                                                            "handler_overloaded",
                                                            "handler_failed"};
  return names.at(static_cast<std::size_t>(kind));
}

}  // namespace hedgerow::sim

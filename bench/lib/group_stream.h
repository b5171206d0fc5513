#pragma once
// Streams to the leader: Hedgerow's side of the measurements of streams.

#include <cstddef>
#include <memory>
#include <string>

#include <hedgerow/node.h>

#include "bench/lib/series.h"

namespace hedgerow::bench {

// Counts what comes, on the loop; when the opener has finished, answers with how many came.
stream_handler counting_streams();

// `count` messages of `bytes` on a new stream, written on the loop whenever there is room. Until
// the leader has said that it consumed them all.
clock::duration pour(node& from, int count, std::size_t bytes);

}  // namespace hedgerow::bench

// SPDX-License-Identifier: Apache-2.0
//
// MetricFamilies: metrics by name, each with its values, and their text.
//
// Threads: one at a time.
// Rule:    names are as https://prometheus.io/docs/practices/naming asks:
//          counters end in _total, times are in seconds, sizes in bytes.
// Example: MetricFamilies families;
//          families.Counter("pinion_log_dropped_total", "Lines that ...")
//              .Add({}, 3);
//          std::string text = families.Text();
#ifndef PINION_SERVER_METRICS_METRIC_FAMILIES_H_
#define PINION_SERVER_METRICS_METRIC_FAMILIES_H_

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "pinion/server/latency_histogram.h"

namespace pinion {

class MetricFamilies {
 public:
  using Labels = std::vector<prometheus::ClientMetric::Label>;

  // The bounds of each histogram, in nanoseconds: 10 us to 10 s.
  static constexpr std::array<uint64_t, 19> kBoundsNs = {
      10'000,        25'000,        50'000,        100'000,       250'000,
      500'000,       1'000'000,     2'500'000,     5'000'000,     10'000'000,
      25'000'000,    50'000'000,    100'000'000,   250'000'000,   500'000'000,
      1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};

  // Where values of one name go. Use it before the next family is added.
  class Family {
   public:
    void Add(Labels labels, double value);
    void Add(Labels labels, const LatencySummary& latencies);

   private:
    friend class MetricFamilies;
    explicit Family(prometheus::MetricFamily& family) : family_(family) {}
    prometheus::MetricFamily& family_;
  };

  // `help` says what a value is, with its unit.
  Family Counter(const char* name, const char* help);
  Family Gauge(const char* name, const char* help);
  Family Histogram(const char* name, const char* help);

  // Without the families that have no value.
  std::string Text() const;

  // A family whose values come from rows: a lane, a worker.
  template <typename Row>
  struct Column {
    prometheus::MetricType type;
    const char* name;
    const char* help;
    double (*value)(const Row& row);
  };
  template <typename Row>
  void AddColumns(absl::Span<const Column<Row>> columns,
                  const std::vector<Row>& rows,
                  Labels (*labels_of)(const Row& row)) {
    for (const Column<Row>& column : columns) {
      Family family = Make(column.type, column.name, column.help);
      for (const Row& row : rows) {
        family.Add(labels_of(row), column.value(row));
      }
    }
  }

 private:
  Family Make(prometheus::MetricType type, const char* name, const char* help);

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace pinion

#endif  // PINION_SERVER_METRICS_METRIC_FAMILIES_H_

// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/metrics/metric_families.h"

#include <prometheus/text_serializer.h>

#include <limits>
#include <utility>

namespace pinion {
namespace {

constexpr double kNanos = 1e9;

}  // namespace

void MetricFamilies::Family::Add(Labels labels, double value) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  // One of the two is told.
  metric.counter.value = value;
  metric.gauge.value = value;
  family_.metric.push_back(std::move(metric));
}

void MetricFamilies::Family::Add(Labels labels,
                                 const LatencySummary& latencies) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  metric.histogram.sample_count = latencies.count();
  metric.histogram.sample_sum =
      static_cast<double>(latencies.sum_ns()) / kNanos;
  for (const uint64_t bound : kBoundsNs) {
    metric.histogram.bucket.push_back(
        {.cumulative_count = latencies.CountUpTo(bound),
         .upper_bound = static_cast<double>(bound) / kNanos});
  }
  metric.histogram.bucket.push_back(
      {.cumulative_count = latencies.count(),
       .upper_bound = std::numeric_limits<double>::infinity()});
  family_.metric.push_back(std::move(metric));
}

MetricFamilies::Family MetricFamilies::Make(prometheus::MetricType type,
                                            const char* name,
                                            const char* help) {
  prometheus::MetricFamily& family = families_.emplace_back();
  family.name = name;
  family.help = help;
  family.type = type;
  return Family(family);
}

MetricFamilies::Family MetricFamilies::Counter(const char* name,
                                               const char* help) {
  return Make(prometheus::MetricType::Counter, name, help);
}

MetricFamilies::Family MetricFamilies::Gauge(const char* name,
                                             const char* help) {
  return Make(prometheus::MetricType::Gauge, name, help);
}

MetricFamilies::Family MetricFamilies::Histogram(const char* name,
                                                 const char* help) {
  return Make(prometheus::MetricType::Histogram, name, help);
}

std::string MetricFamilies::Text() const {
  std::vector<prometheus::MetricFamily> told;
  for (const prometheus::MetricFamily& family : families_) {
    if (!family.metric.empty()) told.push_back(family);
  }
  return prometheus::TextSerializer().Serialize(told);
}

}  // namespace pinion

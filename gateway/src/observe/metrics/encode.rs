//! Metrics as text: that of Prometheus, or OpenMetrics.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use super::families::{Family, all};
use super::samples::Samples;
use super::scrape::Scrape;
use crate::shared::Shared;
use crate::telemetry::metrics::{Kind, PREFIX};

/// How metrics are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The text format of Prometheus, 0.0.4.
    #[default]
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// All metrics as they are now. Takes milliseconds where there are many clients: not for the runtime's thread.
///
/// # Errors
/// They cannot be written, which is a fault.
pub fn metrics_text(shared: &Shared, format: Format) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix(PREFIX);
    shared.telemetry.metrics.register(&mut registry);
    registry.register_collector(Box::new(Scrape::of(shared)));
    let mut out = String::new();
    match format {
        Format::Prometheus => prometheus_text::encode(&mut out, &registry)?,
        Format::OpenMetrics => text::encode(&mut out, &registry)?,
    }
    Ok(out)
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        all().try_for_each(|family| family.encode(self, &mut encoder))
    }
}

impl Family {
    fn encode(&self, scrape: &Scrape, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut samples = Samples::default();
        (self.read)(scrape, &mut samples);
        let samples = samples.into_inner();
        if samples.is_empty() {
            return Ok(());
        }
        let kind = match self.description.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge | Kind::Histogram => MetricType::Gauge,
        };
        let help = format!("{}.", self.description.help);
        let mut metric = encoder.encode_descriptor(self.description.name, &help, None, kind)?;
        for (values, value) in samples {
            debug_assert_eq!(values.len(), self.description.labels.len(), "{}", self.description.name);
            let labels: Vec<_> = self.description.labels.iter().copied().zip(values).collect();
            let mut sample = metric.encode_family(&labels)?;
            match self.description.kind {
                Kind::Counter => {
                    sample.encode_counter(&value, None::<&Exemplar<Vec<(&str, String)>, f64>>)?;
                }
                Kind::Gauge | Kind::Histogram => sample.encode_gauge(&value)?,
            }
        }
        Ok(())
    }
}

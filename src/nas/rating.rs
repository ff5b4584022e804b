//! Rating networks on one accelerator: each different layer is mapped once, however many subnets have it.

use crate::arch::accelerator::Accelerator;
use crate::base::diag::Result;
use crate::base::interrupt::Interrupt;
use crate::base::rng::stream;
use crate::nas::accuracy::AccuracyModel;
use crate::nas::evolution::Judge;
use crate::nas::space::{Genotype, NetworkSpace};
use crate::search::mapper::{Choice, MapperSettings, Unmapped, compose, map_layer};
use crate::search::problem::{CostModel, Figures};
use crate::workload::layer::{Layer, LoopNest};
use rand::Rng as _;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Networks on one accelerator.
pub struct OnAccelerator<'a> {
    /// Prices.
    pub model: &'a dyn CostModel,
    /// Networks.
    pub space: &'a dyn NetworkSpace,
    /// Their accuracy.
    pub accuracy: &'a dyn AccuracyModel,
    /// What they run on.
    pub accelerator: &'a Accelerator,
    /// How a layer is mapped.
    pub mapper: MapperSettings,
    /// Least accuracy, in calibrated percent.
    pub floor: f64,
    /// Seed of the mappings.
    pub seed: u64,
    /// Stops it.
    pub interrupt: &'a Interrupt,
    /// Mappings of the layers seen so far; empty where none is legal.
    pub fronts: BTreeMap<LoopNest, Vec<Choice>>,
}

impl OnAccelerator<'_> {
    /// Different layers mapped so far: what a rating spends.
    #[must_use]
    pub fn layers(&self) -> u64 {
        self.fronts.len() as u64
    }

    /// Maps the layers that were not mapped before.
    fn map(&mut self, nests: Vec<LoopNest>) -> Result<()> {
        let known = self.fronts.len() as u64;
        let one = |(i, nest): (usize, LoopNest)| -> Result<(LoopNest, Vec<Choice>)> {
            self.interrupt.check()?;
            let seed = stream(self.seed, &[known + i as u64]).next_u64();
            let mut model = self.model.on(self.accelerator);
            match map_layer(&nest, self.accelerator, &mut *model, &self.mapper, seed, self.interrupt) {
                Ok(mapped) => Ok((nest, mapped.front)),
                Err(Unmapped::Impossible(_)) => Ok((nest, Vec::new())),
                Err(Unmapped::Stopped(why)) => Err(why),
            }
        };
        let mapped: Vec<Result<_>> = nests.into_par_iter().enumerate().map(one).collect();
        for result in mapped {
            let (nest, front) = result?;
            self.fronts.insert(nest, front);
        }
        Ok(())
    }

    /// The objective of a network whose layers are mapped; infinite where a layer has no legal mapping.
    fn value(&self, nests: &[LoopNest]) -> f64 {
        let mut fronts: Vec<&[Choice]> = Vec::new();
        let mut place: BTreeMap<&LoopNest, usize> = BTreeMap::new();
        let mut layers = Vec::with_capacity(nests.len());
        for nest in nests {
            let at = *place.entry(nest).or_insert_with(|| {
                fronts.push(self.fronts.get(nest).map_or(&[], Vec::as_slice));
                fronts.len() - 1
            });
            layers.push(at);
        }
        if fronts.iter().any(|f| f.is_empty()) {
            return f64::INFINITY;
        }
        let picked = compose(self.mapper.objective, &fronts, &layers);
        let figures = layers
            .iter()
            .fold(Figures::default(), |sum, &l| sum.plus(&fronts[l][picked[l]].figures, 1));
        self.mapper.objective.of(&figures)
    }
}

impl Judge for OnAccelerator<'_> {
    fn admits(&mut self, genotypes: &[Genotype]) -> Result<Vec<bool>> {
        let accuracies = self.accuracy.of(genotypes)?;
        Ok(accuracies
            .iter()
            .map(|a| a.is_some_and(|a| a.calibrated >= self.floor))
            .collect())
    }

    fn listed(&mut self) -> Result<Vec<Genotype>> {
        let known = self.accuracy.known();
        let admitted = self.admits(&known)?;
        Ok(known
            .into_iter()
            .zip(admitted)
            .filter(|(_, ok)| *ok)
            .map(|(g, _)| g)
            .collect())
    }

    fn rate(&mut self, genotypes: &[Genotype]) -> Result<Vec<f64>> {
        let nests =
            |g: &Genotype| -> Result<Vec<LoopNest>> { self.space.subnet(g)?.layers.iter().map(Layer::nest).collect() };
        let networks = genotypes.iter().map(nests).collect::<Result<Vec<_>>>()?;
        let mut fresh: Vec<LoopNest> = networks
            .iter()
            .flatten()
            .filter(|n| !self.fronts.contains_key(n))
            .copied()
            .collect();
        fresh.sort();
        fresh.dedup();
        self.map(fresh)?;
        Ok(networks.iter().map(|n| self.value(n)).collect())
    }
}

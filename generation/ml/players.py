"""The two networks of a run, their optimisers, and one step of the game between them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from generation.ml.augment import augment
from generation.ml.averaging import AveragedGenerator
from generation.ml.checkpoint import Parts
from generation.ml.config import TrainConfig
from generation.ml.device import Device
from generation.ml.losses import LOSSES, r1_penalty
from generation.ml.networks import Shape, build_discriminator, build_generator


class Players:
    """Generator, discriminator and the averaged generator of one run.

    Args:
        config: the run's settings.
        class_count: 0 for an unconditional run.
        device: where and in which precision to compute.
    """

    def __init__(self, config: TrainConfig, class_count: int, device: Device) -> None:
        self.config, self.device, self.class_count = config, device, class_count
        # Initial weights come from PyTorch's global generator: seed it, and leave it as it was for everyone else.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.generator = self._place(build_generator(config.architecture, self._shape(config.g_filters)))
            self.discriminator = self._place(
                build_discriminator(config.architecture, self._shape(config.d_filters))
            )
        self.averaged = AveragedGenerator(self.generator, config.ema_half_life_kimg * 1000)
        betas = (config.beta1, config.beta2)
        self.g_optimiser = torch.optim.Adam(self.generator.parameters(), lr=config.g_lr, betas=betas)
        self.d_optimiser = torch.optim.Adam(self.discriminator.parameters(), lr=config.d_lr, betas=betas)
        self.rng = torch.Generator().manual_seed(config.seed)
        self.loss = LOSSES[config.loss]

    @property
    def parts(self) -> Parts:
        """What a checkpoint stores."""
        return Parts(
            generator=self.generator,
            discriminator=self.discriminator,
            averaged=self.averaged.network,
            g_optimiser=self.g_optimiser,
            d_optimiser=self.d_optimiser,
            rng=self.rng,
        )

    def step(self, number: int, real: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
        """Play one round: discriminator, generator, average.

        Args:
            number: steps finished before this one.
            real: (n, c, h, w) in [-1, 1] on the device.
            labels: (n,) on the device, or None. Generated images take the same classes.

        Returns:
            Scalars on the device, so that nobody waits for them before they are needed.
        """
        self._set_step_sizes(number)
        with self.device.autocast():
            fake = self.generator(self._latents(len(real)), labels).float()
        facts = self._discriminator_step(number, real, fake.detach(), labels)
        facts |= self._generator_step(fake, labels)
        self.averaged.update(self.generator, batch_size=len(real), images_seen=(number + 1) * len(real))
        return facts

    def score(self, images: Tensor, labels: Tensor | None) -> float:
        """Mean discriminator score of images (n, c, h, w); higher for those it takes for real."""
        with torch.no_grad(), self.device.autocast():
            self.discriminator.eval()  # spectral norm must not move because somebody looked
            mean = self.discriminator(images, labels).float().mean()
            self.discriminator.train()
        return float(mean)

    def _set_step_sizes(self, number: int) -> None:
        config = self.config
        if not config.lr_decay_kimg:
            return
        divisor = 1 + (number * config.batch_size / 1000 / config.lr_decay_kimg) ** 2
        for optimiser, rate in ((self.g_optimiser, config.g_lr), (self.d_optimiser, config.d_lr)):
            for group in optimiser.param_groups:
                group["lr"] = rate / divisor

    def _discriminator_step(
        self, number: int, real: Tensor, fake: Tensor, labels: Tensor | None
    ) -> dict[str, Tensor]:
        config = self.config
        with self.device.autocast():
            real_scores = self._judge(real, labels)
            fake_scores = self._judge(fake, labels)
        loss = self.loss.discriminator(real_scores, fake_scores)
        facts = {
            "d_loss": loss.detach(),
            "d_real": real_scores.detach().mean(),
            "d_fake": fake_scores.detach().mean(),
        }
        if config.r1_gamma > 0 and number % config.r1_every == 0:
            # Times the interval: a rare penalty of full strength, in full precision for the second derivative.
            loss = loss + self._penalty(real, labels) * config.r1_gamma * config.r1_every
        self.d_optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.d_optimiser.step()
        return facts

    def _generator_step(self, fake: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
        # The images that the discriminator just saw, augmented anew: drawing others would cost a fifth of the step.
        self.discriminator.requires_grad_(
            False
        )  # its gradients are not wanted here: a third of the work saved
        with self.device.autocast():
            loss = self.loss.generator(self._judge(fake, labels))
        self.g_optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.g_optimiser.step()
        self.discriminator.requires_grad_(True)
        return {"g_loss": loss.detach()}

    def _judge(self, images: Tensor, labels: Tensor | None) -> Tensor:
        scores: Tensor = self.discriminator(augment(images, self.config.augment, self.rng), labels)
        return scores.float()

    def _penalty(self, real: Tensor, labels: Tensor | None) -> Tensor:
        seen = augment(real, self.config.augment, self.rng).detach().requires_grad_(True)
        scores: Tensor = self.discriminator(seen, labels)
        return r1_penalty(scores, seen)

    def _latents(self, count: int) -> Tensor:
        z = torch.randn(count, self.config.latent_size, generator=self.rng)
        on_sphere: Tensor = functional.normalize(z) * self.config.latent_size**0.5  # as `seeding.latent`
        return on_sphere.to(self.device.torch)

    def _shape(self, filters: int) -> Shape:
        config = self.config
        return Shape(
            image_size=config.image_size,
            channels=config.channels,
            latent_size=config.latent_size,
            filters=filters,
            class_count=self.class_count,
            skip_excitation=config.skip_excitation,
        )

    def _place(self, network: nn.Module) -> nn.Module:
        return network.to(self.device.torch).to(memory_format=torch.channels_last)

import type { Metadata } from "next";
import { Devices } from "./_profile/devices";
import { NameSection } from "./_profile/name-section";
import { PasswordSection } from "./_profile/password-section";
import { ThemeSection } from "./_profile/theme-section";

export const metadata: Metadata = { title: "Profile" };

export default function ProfilePage() {
  return (
    <>
      <NameSection />
      <ThemeSection />
      <PasswordSection />
      <Devices />
    </>
  );
}
